"""What loading a configuration takes of AWS and of secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.config.errors import ConfigError
from shared.hosting.configuration import load

PLATFORM = "platform: {url: https://cado.example, api_key: env:API_KEY}\n"
ENVIRON = {"PLATFORM_IP": "10.0.0.1", "API_KEY": "s3cr3t-key"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mistakes(**environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    assert "s3cr3t" not in str(caught.value)
    return caught.value.problems


def test_webhook_urls_are_looked_at_where_they_can_be_had(folder: Path):
    (folder / "teams").write_text("https://acme.webhook.office.com/webhookb2/s3cr3t")
    (folder / "huntbridge.yaml").write_text(
        f"{PLATFORM}destinations:\n"
        "  a: {type: slack, webhook_url: env:A}\n"
        f"  b: {{type: teams, webhook_url: file:{folder}/teams}}\n"
        "  c: {type: slack, webhook_url: env:NOT_THERE}\n"
        "default: a"
    )
    assert mistakes(A="https://hooks.slack.example/services/s3cr3t") == [
        "huntbridge.yaml:3: destinations.a.webhook_url: the host is not Slack's; an incoming webhook begins "
        "with https://hooks.slack.com/services/ (api.slack.com/apps, your app, Incoming Webhooks)",
        "huntbridge.yaml:4: destinations.b.webhook_url: this is the URL of an Office 365 connector, and "
        "Microsoft switched connectors off in May 2026; in Teams open the channel's menu, Workflows, "
        "'Send webhook alerts to a channel', and put the URL that it shows at the end where the secret is "
        "kept",
    ]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SLACK_WEBHOOK_URL": "https://hooks.slack.com/triggers/s3cr3t"}, [
            "SLACK_WEBHOOK_URL: the path is not that of an incoming webhook; "
            "it begins with https://hooks.slack.com/services/"]),
        ({"TEAMS_WEBHOOK_URL": "https://acme.webhook.office.com/webhookb2/s3cr3t"}, [
            "TEAMS_WEBHOOK_URL: this is the URL of an Office 365 connector, and Microsoft switched "
            "connectors off in May 2026; in Teams open the channel's menu, Workflows, 'Send webhook "
            "alerts to a channel', and put the URL that it shows at the end where the secret is kept"]),
    ],
)  # fmt: skip
def test_webhook_urls_in_the_environment_are_looked_at(environ, expected):
    assert mistakes(**ENVIRON, **environ) == expected


def test_a_webhook_url_that_kept_its_quotation_marks_is_named():
    url = "https://hooks.slack.com/services/T0/B0/s3cr3t"
    with pytest.raises(ConfigError) as caught:
        load(None, {**ENVIRON, "SLACK_WEBHOOK_URL": f'"{url}"'})
    assert str(caught.value).startswith("SLACK_WEBHOOK_URL: the webhook URL is in quotation marks")
    assert "s3cr3t" not in str(caught.value)


def test_a_mistake_in_the_file_is_named_before_any_secret_is_read(folder: Path):
    (folder / "huntbridge.yaml").write_text(
        PLATFORM + "x: y\ndestinations: {a: {type: slack, webhook_url: env:A}}\n"
    )
    assert mistakes(A="https://hooks.slack.example/services/s3cr3t") == ["huntbridge.yaml:2: x: unknown key"]
