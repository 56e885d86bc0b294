"""A stage with Slack, Jira, Teams and a webhook, where people click buttons in Slack.

Slack and Jira are simulated over sockets; the queues and the ledger are real.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from demo.base import app_of
from demo.jira.simulation import Jira
from demo.serving import serving
from demo.slack.records import DEMO_TOKEN, Channel, Post, Request
from demo.slack.simulation import Slack
from receiver.destinations.jira.destination import JiraDestination
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.web import create_app
from shared.config.destinations.jira import JiraConfig
from shared.http.client import Http
from shared.models.evidence import Artefact, Finding
from shared.models.severity import Severity
from shared.secrets import Secret, SecretRef
from tests.receiver.conftest import Enricher, Stage, Tool

SOC, SECOND = "C0123456789", "C0000000002"


CASE = "system/i-0aaaaaaaaaaaaaaa1/1"  # the first case of the system of every alarm


SIGNING = SecretRef.parse("env:SIGNING")


IR = {"type": "slack", "token": "env:T", "channel": SOC, "signing_secret": SIGNING}


HIDDEN = "\u202e"


TITLE = "5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"


def miner(count: int) -> Finding:
    """A malicious finding."""
    place = Artefact("/usr/bin/xmrig", count)
    return Finding("Malicious File Detected: xmrig", count, Severity.MALICIOUS, artefacts=(place,))


def scanner(count: int) -> Finding:
    """A suspicious finding."""
    place = Artefact("/opt/scan/nmap", count)
    return Finding("PUA.NetTool.Nmap", count, Severity.SUSPICIOUS, artefacts=(place,))


class World:
    """A stage with a Slack app that has buttons in two channels (`ir`, `second`), a Jira (`tickets`), a Teams
    channel and a webhook. `listed`: the users who may acknowledge at `ir`. `verdicts`: of `tickets`."""

    def __init__(
        self,
        make_stage: Callable[..., Stage],
        stack: ExitStack,
        default: list[str],
        pace: int = 1_000,
        listed: list[str] | None = None,
        verdicts: dict[str, str] | None = None,
        **settings: Any,
    ) -> None:
        self.slack, self.jira = Slack(rate=None), Jira()
        self.slack.channels.append(Channel(SECOND, "second"))
        self.origin = stack.enter_context(serving(app_of(self.slack, self.jira)))
        jira: dict[str, Any] = {
            "type": "jira",
            "url": self.origin,
            "email": "hunt@acme.example",
            "api_token": "env:T",
            "project": "SEC",
            "issue_type": "Incident",
            "api": "cloud",
            "verdicts": verdicts or {},
        }
        self.stage = make_stage(
            destinations={
                "ir": IR | {"pace": pace} | ({"may_acknowledge": listed} if listed else {}),
                "second": IR | {"channel": SECOND, "pace": pace},
                "tickets": jira,
                "office": {"type": "teams", "webhook_url": "env:B"},
                "siem": {"type": "webhook", "url": "https://siem.example", "secrets": "env:S"},
            },
            default=default,
            **settings,
        )
        self.slack.now = self.jira.now = self.seconds
        self.siem = Tool("siem")
        self.stage.tools |= {
            "ir": self.bot("ir", SOC),
            "second": self.bot("second", SECOND),
            "tickets": JiraDestination("tickets", JiraConfig(**jira), Http(), Secret("demo-token")),
            "siem": self.siem,
        }
        self.stage.work = self.stage.worker()
        self.secrets = {SIGNING: Secret(self.slack.signing_secret)}
        self.client = create_app(
            self.stage.runtime.events, list, lambda: self.stage.moment, dict, lambda: self.secrets
        ).test_client()

    def bot(self, name: str, channel: str) -> SlackBotDestination:
        return SlackBotDestination(
            name,
            Secret(DEMO_TOKEN),
            channel,
            interactive=True,
            base_url=f"{self.origin}/api/",
            clock=self.seconds,
        )

    def seconds(self) -> float:
        return self.stage.moment.timestamp()

    def alarm(self, malicious: int = 5) -> str:
        text = b"%d high severity alarms in project id 3 evidence id 4" % malicious
        id = self.stage.receive(b'{"event": "high_severity_alarm", "message": "%s"}' % text)
        self.stage.run_all()
        self.stage.forward(60)
        return id

    def later_run(self, *findings: Finding) -> None:
        """The evidence was processed once more, and the platform lists these findings of it."""
        assert isinstance(self.stage.enricher, Enricher)
        self.stage.enricher.runs[4] = self.stage.moment
        self.stage.enricher.found[4] = findings

    def send(self, request: Request) -> int:
        return self.client.post(
            "/slack/actions", data=request.body, headers=dict(request.headers)
        ).status_code

    def click(self, action: str = "acknowledge", choice: str = "", *, run: bool = True, **who: str) -> None:
        assert self.send(self.slack.click(self.parent, action, choice, **who)) == 200
        if run:
            self.stage.run_all()

    @property
    def parents(self) -> list[Post]:
        return [post for post in self.slack.posts if not post.thread_ts]

    @property
    def parent(self) -> Post:
        return self.parents[-1]

    def thread(self) -> list[str]:
        """The headers of the replies, with " !" after a reply that was also sent to the channel."""
        return [header(reply) + " !" * reply.broadcast for reply in self.slack.replies(self.parent)]

    def ephemerals(self) -> list[tuple[str, str]]:
        return [(ephemeral.user, ephemeral.body["text"]) for ephemeral in self.slack.ephemerals]


def header(post: Post) -> str:
    text: str = post.body["blocks"][0]["text"]["text"]
    return text


def buttons(post: Post) -> list[str]:
    return [element["text"]["text"] for element in _actions(post) if element["type"] == "button"]


def menus(post: Post) -> list[str]:
    return [
        element["placeholder"]["text"] for element in _actions(post) if element["type"] == "static_select"
    ]


def _actions(post: Post) -> list[dict[str, Any]]:
    return [
        element
        for block in post.body["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def facts(post: Post) -> dict[str, str]:
    """The facts of a message, each on a line of its own, by their label."""
    sections = [block["text"]["text"] for block in post.body["blocks"] if block["type"] == "section"]
    lines = "\n".join(sections).splitlines()
    return {found[1]: found[2] for line in lines if (found := re.fullmatch(r"\*([^*]+)\* (.+)", line))}
