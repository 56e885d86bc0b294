"""What a newcomer has: a platform with one machine that was broken into, AWS, and a channel in Slack. All of
them are simulated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests

from demo import fleet
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.simulation import Slack
from tests.moto_server import moto_server
from tests.package import smoke

ADMIN_KEY = "a-platform-administrator-key"
MOST_COMMANDS, MOST_SECONDS = 6, 600.0


@dataclass(frozen=True)
class World:
    platform_url: str
    slack: Slack
    slack_url: str
    ec2_url: str

    @property
    def aws(self) -> dict[str, str]:
        """The AWS credentials in the newcomer's shell."""
        return {
            "AWS_ENDPOINT_URL": self.ec2_url,
            "AWS_ACCESS_KEY_ID": "newcomer",
            "AWS_SECRET_ACCESS_KEY": "newcomer",
            "AWS_REGION": "us-east-1",
        }

    def filled(self, example: str) -> str:
        """An example file of deploy/ with what a person writes into it."""
        text = example.replace("https://cado.corp.example", self.platform_url)
        for name, value in self.sandbox.secrets.items():
            text = text.replace(f"{name}=\n", f"{name}={value}\n")
        return text

    @property
    def sandbox(self) -> smoke.Sandbox:
        made = smoke.Sandbox(self.platform_url, self.slack, self.slack_url)
        made.secrets |= self.aws
        return made


@contextmanager
def world() -> Iterator[World]:
    slack = Slack(rate=None)
    with moto_server() as ec2_url, pytest.MonkeyPatch.context() as patch:
        # All of moto's servers in a process share their instances.
        requests.post(f"{ec2_url}/moto-api/reset", timeout=30).raise_for_status()
        patch.setattr(fleet, "MACHINES", fleet.MACHINES[:1])
        keys = {smoke.KEY: "Lead Analyst", ADMIN_KEY: "Platform Administrator"}
        platform = Platform(fleet.launch(ec2_url), keys, pace=0.3)
        with serving(platform.app) as platform_url, serving(slack.app) as slack_url:
            platform.start()
            try:
                yield World(platform_url, slack, slack_url + slack.path, ec2_url)
            finally:
                platform.stop()


class Attempt:
    """Counts the commands and the time until the first message."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self._began = time.monotonic()

    def typed(self, command: str) -> str:
        self.commands.append(command)
        return command

    def arrived(self) -> None:
        """The first message is there: judge what it took."""
        seconds = time.monotonic() - self._began
        assert len(self.commands) <= MOST_COMMANDS, self.commands
        assert seconds <= MOST_SECONDS, f"{seconds:.0f} s: {self.commands}"


def eventually(condition: Callable[[], object], what: Callable[[], object], within: float = 180.0) -> None:
    """Wait until it holds. `what` is shown if it does not."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)
