"""The registry makes the destination of each configured type, and destinations do not know each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from receiver.destinations.jira.destination import JiraDestination
from receiver.destinations.jsm.destination import JsmDestination
from receiver.destinations.pagerduty.destination import PagerDutyDestination
from receiver.destinations.registry import PACKAGES, build, traits_of
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.webhook import SlackDestination
from receiver.destinations.teams.destination import TeamsDestination
from receiver.destinations.webhook.destination import WebhookDestination
from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.jsm import JsmConfig
from shared.config.destinations.pagerduty import PagerDutyConfig
from shared.config.destinations.slack import SlackConfig
from shared.config.destinations.teams import TeamsConfig
from shared.config.destinations.webhook import WebhookDestinationConfig
from shared.http.client import Http
from shared.secrets import Secret
from tests.receiver.destinations.at_peer import (
    BOT,
    CHANNEL,
    GENIE_KEY,
    ROUTING_KEY,
    SIGNING,
    SLACK_PATH,
    TEAMS_PATH,
    TOKEN,
    WEBHOOK_PATH,
)

ROOT = Path(__file__).resolve().parents[3]


def test_build_makes_each_type_from_its_configuration(tmp_path: Path) -> None:
    values = {
        "env:S": f"https://hooks.slack.com{SLACK_PATH}",
        "env:M": f"https://default01.02.environment.api.powerplatform.com:443{TEAMS_PATH}",
        "env:J": TOKEN,
        "env:B": BOT,
        "env:W": f"https://siem.corp.example{WEBHOOK_PATH}",
        "env:K": SIGNING,
        "env:R": ROUTING_KEY,
        "env:G": GENIE_KEY,
    }

    def secret(ref: str) -> Secret:
        return Secret(values[ref])

    for config, made in (
        (SlackConfig(type="slack", webhook_url="env:S"), SlackDestination),
        (SlackConfig(type="slack", token="env:B", channel="#soc"), SlackBotDestination),
        (TeamsConfig(type="teams", webhook_url="env:M"), TeamsDestination),
        (WebhookDestinationConfig(type="webhook", url="env:W", secrets=["env:K"]), WebhookDestination),
        (
            WebhookDestinationConfig(type="webhook", url="https://siem.example/", secrets=["env:K", "env:J"]),
            WebhookDestination,
        ),
        (
            JiraConfig(
                type="jira",
                url="https://a.atlassian.net",
                project="S",
                email="a@b.example",
                api_token="env:J",
            ),
            JiraDestination,
        ),
        (
            JiraConfig(type="jira", url="https://jira.corp.example", project="S", token="env:J"),
            JiraDestination,
        ),
        (PagerDutyConfig(type="pagerduty", routing_key="env:R"), PagerDutyDestination),
        (JsmConfig(type="jsm", api_key="env:G"), JsmDestination),
    ):
        destination = build("x", config, secret, Http)
        assert traits_of(config) == destination.traits
        assert type(destination) is made
        assert (destination.name, destination.traits.edit) == ("x", made is SlackBotDestination)


def test_a_webhook_of_another_tool_is_refused() -> None:
    office = Secret("https://acme.webhook.office.com/webhookb2/1@2/IncomingWebhook/3/4")
    with pytest.raises(ValueError, match="switched connectors off"):
        TeamsDestination("x", office, Http())
    with pytest.raises(ValueError, match="bot token"):
        SlackBotDestination("x", Secret(f"https://hooks.slack.com{SLACK_PATH}"), CHANNEL)
    with pytest.raises(ValueError, match="Slack"):
        SlackDestination("x", Secret("https://evil.example/services/T/B/X"), Http())
    with pytest.raises(ValueError, match="token"):
        config = JiraConfig(type="jira", url="https://j.example", project="S", token="env:J")
        JiraDestination("x", config, Http(), Secret("two\nlines"))


def test_a_key_that_is_no_key_of_the_tool_is_refused() -> None:
    pager = PagerDutyConfig(type="pagerduty", routing_key="env:R")
    for wrong in ("", ROUTING_KEY[1:], f"{ROUTING_KEY}\n", "u+AbCdEfGhIjKlMnOpQr"):
        with pytest.raises(ValueError, match="32 letters and digits"):
            PagerDutyDestination("x", pager, Http(), Secret(wrong))
    for wrong in ("", "short", "a key with spaces", f"{GENIE_KEY}\n"):
        with pytest.raises(ValueError, match="API integration"):
            JsmDestination("x", JsmConfig(type="jsm", api_key="env:G"), Http(), Secret(wrong))


def test_no_destination_imports_another() -> None:
    for package in PACKAGES.values():
        others = tuple(f"{other}." for other in PACKAGES.values() if other != package)
        for path in (ROOT / package.replace(".", "/")).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                assert not (isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(others)), path
