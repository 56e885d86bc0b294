"""The simulated tools that `huntbridge init` tries, and the command with what a person knows of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from demo.base import app_of
from demo.jira.simulation import Jira
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.records import Channel
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from shared.hosting.configuration import load

KEYS = {"the-lead-analyst-key": "Lead Analyst", "the-reader-key": "Read Only Analyst"}
INSTANCE = "us-east-1/i-0123456789abcdef0"


@dataclass
class World:
    folder: Path
    platform: Platform
    slack: Slack
    teams: Teams
    jira: Jira
    platform_url: str
    chat_url: str

    @property
    def environ(self) -> dict[str, str]:
        """The secrets, in the environment of whoever calls the command."""
        return {
            "CADO": "the-lead-analyst-key",
            "SLACK_HOOK": self.chat_url + self.slack.path,
            "SLACK_TOKEN": self.slack.token,
            "TEAMS_HOOK": self.chat_url + self.teams.path,
            "JIRA": "demo-token",
        }

    @property
    def options(self) -> list[str]:
        """All answers: a platform, each destination, and a hunt."""
        return [
            *("--platform-url", self.platform_url, "--api-key", "env:CADO"),
            *("--slack-token", "env:SLACK_TOKEN", "--slack-channel", "#soc", "--slack-host", self.slack_host),
            *("--teams-webhook-url", "env:TEAMS_HOOK"),
            *("--jira-url", self.chat_url, "--jira-email", "hunt@acme.example", "--jira-project", "SEC"),
            *("--jira-api-token", "env:JIRA", "--instance", INSTANCE),
        ]

    @property
    def slack_host(self) -> str:
        return urlsplit(self.chat_url).netloc

    def __call__(self, *options: str, **environ: str | None) -> Result:
        result = CliRunner().invoke(
            main, ["init", *options], env={**self.environ, **environ}, catch_exceptions=False
        )
        self.assert_no_secret(result.output)
        return result

    def check(self, *options: str) -> Result:
        """`huntbridge check` without the secrets in the environment."""
        return CliRunner().invoke(main, ["check", *options], catch_exceptions=False)

    @property
    def config(self) -> Path:
        return self.folder / "huntbridge.yaml"

    @property
    def variables(self) -> Path:
        return self.folder / "huntbridge.env"

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def written(self) -> dict[str, str]:
        """The file of variables, whose mode and neighbour are right."""
        assert stat.S_IMODE(self.variables.stat().st_mode) == 0o600
        self.assert_no_secret(self.config.read_text())
        lines = (line for line in self.variables.read_text().splitlines() if not line.startswith("#"))
        values = dict(line.split("=", 1) for line in lines)
        for value in values.values():
            assert value not in self.config.read_text()
        return values

    def assert_no_secret(self, text: str) -> None:
        for secret in (*KEYS, self.slack.token, self.slack.path, self.teams.path, "demo-token"):
            assert secret not in text

    def assert_nothing_was_sent(self) -> None:
        assert all(tool.messages == [] for tool in (self.slack, self.teams, self.jira))


def loaded(environ: Mapping[str, str]) -> Any:
    """The configuration in this folder, or else the one of these variables."""
    return load(None, environ)


@contextmanager
def init_world(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An empty folder, in which no credentials of AWS are found, and tools that work."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("AWS_", "HUNTBRIDGE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(folder))
    platform, slack, teams, jira = Platform((), KEYS), Slack(), Teams(), Jira()
    slack.channels.append(Channel("C0987654321", "general", is_member=False))
    with serving(platform.app) as platform_url, serving(app_of(slack, teams, jira)) as chat_url:
        world = World(folder, platform, slack, teams, jira, platform_url, chat_url)
        yield world
        world.assert_nothing_was_sent()
