"""What a Lambda environment keeps of its runtime: for how long, and what makes it new."""

from __future__ import annotations

import pytest

from shared.aws.clients import Clients
from shared.aws.errors import AwsError
from shared.config.errors import ConfigError
from shared.hosting.lambda_runtime import RELOAD_AFTER, Reloading
from tests.emulated import Resources


class Stack(Resources):
    """A stack with the platform's key in a secret."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(endpoint)
        self.ref = self.secret("cado", key="first")


@pytest.fixture
def stack(endpoint, monkeypatch):
    stack = Stack(endpoint)
    for name, value in stack.environ.items():
        monkeypatch.setenv(name, value)
    return stack


class Room:
    """Counts how often it is made, and of what."""

    def __init__(self, resources: Resources) -> None:
        self.seconds = 0.0
        self.made: list[tuple[str, str]] = []
        clients = Clients(resources.environ)
        self.reloading = Reloading(self._make, resources.environ, clients, now=lambda: self.seconds)

    def _make(self, runtime):
        self.made.append(
            (runtime.config.platform.url, runtime.secret(runtime.config.platform.api_key).reveal())
        )
        return runtime

    def later(self):
        self.seconds += RELOAD_AFTER
        return self.reloading.get()


def configure(stack: Stack, url: str) -> None:
    stack.configure({"platform": {"url": url, "api_key": f"{stack.ref}#key"}})


def test_it_is_made_once_and_again_when_the_configuration_has_changed(stack):
    configure(stack, "https://one.example")
    room = Room(stack)
    first = room.reloading.get()
    configure(stack, "https://two.example")
    assert room.reloading.get() is first  # five minutes have not gone by
    second = room.later()
    assert room.later() is second
    assert room.made == [("https://one.example", "first"), ("https://two.example", "first")]


def test_a_new_key_of_the_platform_is_in_use_after_five_minutes(stack):
    configure(stack, "https://one.example")
    room = Room(stack)
    runtime = room.reloading.get()
    stack.client("secretsmanager").put_secret_value(
        SecretId=f"{stack.name}/cado", SecretString='{"key": "second"}'
    )
    assert room.later() is runtime
    assert runtime.secret(runtime.config.platform.api_key).reveal() == "second"


def test_what_was_read_of_the_secrets_outlives_a_new_configuration(stack, monkeypatch):
    """The secret store does not answer just when the configuration has changed."""
    configure(stack, "https://one.example")
    room = Room(stack)
    room.reloading.get()
    configure(stack, "https://two.example")

    def silent(*_: object) -> None:
        raise AwsError("Secrets Manager did not answer within 5 s", passing=True)

    monkeypatch.setattr("shared.aws.secrets.AwsSecrets._read", silent)
    room.later()
    assert room.made[-1] == ("https://two.example", "first")


def test_a_configuration_that_became_unusable_leaves_the_one_before_in_use(stack, caplog):
    configure(stack, "https://one.example")
    room = Room(stack)
    first = room.reloading.get()
    configure(stack, "no url")
    assert room.later() is first
    assert "configuration not usable; the one before stays in use" in caplog.text
    configure(stack, "https://two.example")
    assert room.later() is not first


def test_without_a_configuration_nothing_begins(stack):
    stack.environ["HUNTBRIDGE_CONFIG"] = "s3://nowhere/huntbridge.yaml"
    room = Room(stack)
    for _ in range(2):
        with pytest.raises(ConfigError, match="there is no such bucket"):
            room.reloading.get()
    assert room.made == []
