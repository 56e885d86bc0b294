"""A destination of each type, at a peer of the test, and the secrets that none of them may show."""

from __future__ import annotations

from datetime import UTC, datetime

from receiver.destinations.contract import (
    Destination,
)
from receiver.destinations.jira.destination import JiraDestination
from receiver.destinations.jsm.destination import JsmDestination
from receiver.destinations.pagerduty.destination import PagerDutyDestination
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.webhook import SlackDestination
from receiver.destinations.teams.destination import TeamsDestination
from receiver.destinations.webhook.destination import WebhookDestination
from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.jsm import JsmConfig
from shared.config.destinations.pagerduty import PagerDutyConfig
from shared.http.client import Http
from shared.secrets import Secret

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BOT, CHANNEL, TS = "xoxb-0123-4567-b0tS3cr3tb0tS3cr3t", "C0123456789", "1763812800.000100"
TOKEN = "ATATT3xFfGF0SecretTokenOfJira"
SIGNING = "SigningSecretOfTheSiem0123456789"
ROUTING_KEY = "R0uT1ngK3yR0uT1ngK3yR0uT1ngK3y01"
GENIE_KEY = "GenieKeyS3cr3t-1111-2222-3333"
SECRETS = (
    "B0SECRETB02/s3cr3tS3cr3tS3cr3tS3cr",
    "s3cr3tS3cr3tS3cr3tS3cr",
    "T0SECRET01",
    "sig=",
    "SigSecretSigSecretSigSecretSigSecretSigSecr",
    "0123456789abcdef0123456789abcdef",
    TOKEN,
    BOT,
    "b0tS3cr3tb0tS3cr3t",
    SIGNING,
    ROUTING_KEY,
    GENIE_KEY,
    "7h3-w4y-1n",  # of the receiver's URL
    "aHVudEBhY21lLmV4YW1wbGU6QVRBVFQ",  # the beginning of the Basic header
)
SLACK_PATH = "/services/T0SECRET01/B0SECRETB02/s3cr3tS3cr3tS3cr3tS3cr"
TEAMS_PATH = (
    "/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke"
    "?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SigSecretSigSecretSigSecretSigSecretSigSecr"
)

WEBHOOK_PATH = "/in/7h3-w4y-1n?v=1"


def slack(origin: str, timeout: float = 5) -> Destination:
    url = Secret(origin + SLACK_PATH)
    return SlackDestination("soc", url, Http(), timeout=timeout, clock=NOW.timestamp)


def teams(origin: str, timeout: float = 5) -> Destination:
    url = Secret(origin + TEAMS_PATH)
    return TeamsDestination("office", url, Http(read_timeout=timeout), clock=NOW.timestamp)


def cloud(origin: str, timeout: float = 5) -> Destination:
    config = JiraConfig(
        type="jira", url=origin, project="SEC", email="hunt@acme.example", api_token="env:T", api="cloud"
    )
    return JiraDestination("tickets", config, Http(read_timeout=timeout), Secret(TOKEN), clock=NOW.timestamp)


def datacenter(origin: str, timeout: float = 5) -> Destination:
    config = JiraConfig(type="jira", url=f"{origin}/jira", project="SEC", token="env:T", api="datacenter")
    return JiraDestination("tickets", config, Http(read_timeout=timeout), Secret(TOKEN), clock=NOW.timestamp)


def webhook(origin: str, timeout: float = 5) -> Destination:
    url, http = Secret(origin + WEBHOOK_PATH), Http(read_timeout=timeout)
    return WebhookDestination("siem", url, [Secret(SIGNING)], http, clock=NOW.timestamp)


def bot(origin: str, timeout: float = 5) -> Destination:
    return SlackBotDestination(
        "ir", Secret(BOT), CHANNEL, base_url=f"{origin}/api/", timeout=timeout, clock=NOW.timestamp
    )


def pagerduty(origin: str, timeout: float = 5) -> Destination:
    config = PagerDutyConfig(type="pagerduty", routing_key="env:R", url=origin)
    http = Http(read_timeout=timeout)
    return PagerDutyDestination("pager", config, http, Secret(ROUTING_KEY), clock=NOW.timestamp)


def jsm(origin: str, timeout: float = 5) -> Destination:
    config, http = JsmConfig(type="jsm", api_key="env:G", url=origin), Http(read_timeout=timeout)
    return JsmDestination(
        "on-call", config, http, Secret(GENIE_KEY), clock=NOW.timestamp, sleep=lambda _: None
    )
