"""A simulated world without servers: what its pages show is put into it by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

from demo.jira.simulation import Jira
from demo.jsm.simulation import ALERTS, Jsm
from demo.pagerduty.simulation import PagerDuty
from demo.platform.simulation import Platform
from demo.slack.dialogs import Dialog
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from demo.web.app import create_app
from demo.web.shell import Home
from demo.world import World
from tests.demo.asking import BASIC, post

NO_HUNT: dict[str, Any] = {
    "hunt": None,
    "captures": [],
    "slack": [],
    "teams": [],
    "jira": [],
    "pagerduty": [],
    "jsm": [],
    "summary": None,
    "environment": "/tmp/huntbridge-demo-1/environment",
}


@dataclass
class Pages:
    """The demo's pages, and the tools behind them."""

    slack: Slack = field(default_factory=lambda: Slack(rate=None))
    teams: Teams = field(default_factory=lambda: Teams(rate=None))
    jira: Jira = field(default_factory=lambda: Jira(limits=()))
    pagerduty: PagerDuty = field(default_factory=lambda: PagerDuty(rate=None))
    jsm: Jsm = field(default_factory=lambda: Jsm(rate=None))
    platform: Platform = field(default_factory=lambda: Platform([], {}))
    state: dict[str, Any] = field(default_factory=lambda: dict(NO_HUNT))
    clicks: list[tuple[str, ...]] = field(default_factory=list)
    submitted: list[Mapping[str, Any]] = field(default_factory=list)
    opened: list[tuple[Mapping[str, str], str]] = field(default_factory=list)
    hunts: int = 0
    client: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        home = Home("http://127.0.0.1:8080")
        world = World(
            *([], self.platform, "", self.slack, self.teams, self.jira, "", "", home),
            pagerduty=self.pagerduty,
            jsm=self.jsm,
        )
        app = create_app(world, lambda: self.state, self.click, self.submit, self.hunt, self.console)
        self.client = app.test_client()

    def click(self, ts: str, action: str, choice: str) -> str:
        if (action, choice) not in (("acknowledge", ""), ("close", "benign")):
            raise LookupError(action)
        self.clicks.append((ts, action, choice))
        return "The click was sent."

    def submit(self, dialog: Dialog, chosen: Mapping[str, Any]) -> str:
        self.slack.submit(dialog, **chosen)
        dialog.is_open = False
        self.submitted.append(chosen)
        return "The dialog was sent."

    def hunt(self) -> str:
        self.hunts += 1
        return "Another hunt starts."

    def console(self, cookies: Mapping[str, str], page: str) -> str:
        self.opened.append((dict(cookies), page))
        return "http://127.0.0.1:9999/sign-in/link?token=once"

    def get(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, path
        return answer.get_data(as_text=True)

    # What huntbridge does

    def post_in_slack(self, body: Mapping[str, Any], **more: Any) -> str:
        headers = {"Authorization": f"Bearer {self.slack.token}"}
        arguments = {"channel": "C0123456789", **body, **more}
        answer = self.slack.app.test_client().post("/api/chat.postMessage", json=arguments, headers=headers)
        assert answer.get_json()["ok"], answer.get_json()
        return str(answer.get_json()["ts"])

    def post_in_teams(self, body: Any) -> None:
        assert post(self.teams, self.teams.path, body)[0] == 202

    def open_issue(self, body: Any) -> str:
        answer = self.jira.app.test_client().post("/rest/api/3/issue", json=body, headers=BASIC)
        assert answer.status_code == 201, answer.get_data()
        return str(answer.get_json()["key"])

    def page(self, event: Any, alert: Any) -> None:
        event = {"routing_key": self.pagerduty.key, **event}
        assert post(self.pagerduty, "/v2/enqueue", event)[0] == 202
        key = {"Authorization": f"GenieKey {self.jsm.key}"}
        assert post(self.jsm, ALERTS, alert, key)[0] == 202

    def comment(self, key: str, body: Any) -> None:
        answer = self.jira.app.test_client().post(
            f"/rest/api/3/issue/{key}/comment", json={"body": body}, headers=BASIC
        )
        assert answer.status_code == 201, answer.get_data()
