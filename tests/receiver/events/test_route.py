"""Which destinations an alarm is sent to, by whole sets of routes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.events.route import explain, route
from shared.config.config import Config
from shared.config.routes import RouteConfig
from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.evidence import Evidence, Project
from shared.models.hunts import Hunt, HuntReport
from shared.models.severity import Severity
from shared.models.systems import Instance, System

AT = datetime(2026, 7, 6, tzinfo=UTC)
INSTANCE = "i-05938bed528eb12b9"
FULL = Alarm(
    event=Event("e1", "processing_with_alarms", AT, project_id=12, evidence_id=31),
    severity=Severity.MALICIOUS,
    hunt=Hunt("weekly", AT, project_id=12),
    project=Project(12, "weekly_2026-07-06"),
    evidence=Evidence(31, 12, "vol-1", hostname="ip-172-31-78-104", account_id="111122223333"),
    instance=Instance(
        INSTANCE, "us-east-1", name="web-1", account_id="111122223333", tags={"Env": "Prod", "Empty": ""}
    ),
    system=System(INSTANCE, "us-east-1", "prod"),
)
assert FULL.instance
BRACKETS = replace(FULL, instance=replace(FULL.instance, tags={"Env": "SRE [EU]"}))
BARE = Alarm(event=Event("e2", "unknown", AT), severity=Severity.UNKNOWN)
DIGEST = Alarm(
    event=Event("e3", "hunt_finished", AT, report=HuntReport("weekly", AT, 12)), severity=Severity.INFO
)


def config(*routes: dict[str, Any], default: tuple[str, ...] = ("soc",)) -> Config:
    return Config.model_validate(
        {
            "platform": {"url": "https://cado.example", "api_key": "env:API_KEY"},
            "accounts": {"prod": {"id": "111122223333"}},
            "destinations": {
                name: {"type": "slack", "webhook_url": "env:SLACK"} for name in ("soc", "ir", "tickets")
            },
            "default": default,
        }
    ).model_copy(update={"routes": tuple(RouteConfig.model_validate(rule) for rule in routes)})


def rule(*to: str, go_on: bool = False, **match: object) -> dict[str, Any]:
    lists = {key: value if isinstance(value, list | dict) else [value] for key, value in match.items()}
    return {"match": lists, "to": to or ("ir",), "continue": go_on}


@pytest.mark.parametrize(
    ("alarm", "match", "matches"),
    [
        (FULL, {}, True),
        (BARE, {}, True),
        (FULL, {"event": "processing_with_alarms"}, True),
        (FULL, {"event": "PROCESSING_*"}, True),
        (FULL, {"event": ["admin_login", "processing_with_alarms"]}, True),
        (FULL, {"event": "processing"}, False),
        (BRACKETS, {"tags": {"Env": "SRE [EU]"}}, True),
        (BRACKETS, {"tags": {"Env": "SRE [E]*"}}, False),
        (FULL, {"severity": "malicious"}, True),
        (FULL, {"severity": ["suspicious", "info"]}, False),
        (FULL, {"hunt": "week*"}, True),
        (FULL, {"hunt": "WEEKLY"}, False),
        (DIGEST, {"hunt": "weekly"}, True),
        (FULL, {"project": "12"}, True),
        (FULL, {"project": "weekly_*"}, True),
        (FULL, {"project": "1"}, False),
        (replace(FULL, project=None), {"project": "12"}, True),
        (FULL, {"account": "prod"}, True),
        (FULL, {"account": "111122223333"}, True),
        (FULL, {"account": "p?od"}, True),
        (FULL, {"account": "dev"}, False),
        (FULL, {"region": "us-*"}, True),
        (FULL, {"region": "eu-*"}, False),
        (FULL, {"instance": INSTANCE}, True),
        (FULL, {"instance": "web-?"}, True),
        (FULL, {"instance": "ip-172-31-*"}, True),
        (FULL, {"instance": "Web-1"}, False),
        (FULL, {"tags": {"Env": ["Pr*"]}}, True),
        (FULL, {"tags": {"Env": ["prod"]}}, False),
        (FULL, {"tags": {"env": ["Prod"]}}, False),
        (FULL, {"tags": {"Env": ["dev", "Prod"], "Empty": ["*"]}}, True),
        (FULL, {"tags": {"Env": ["Prod"], "Other": ["*"]}}, False),
        (FULL, {"severity": "malicious", "hunt": "weekly", "tags": {"Env": ["Prod"]}}, True),
        (FULL, {"severity": "malicious", "hunt": "daily"}, False),
        (BARE, {"hunt": "*"}, False),
        (BARE, {"project": "*"}, False),
        (BARE, {"account": "*"}, False),
        (BARE, {"region": "*"}, False),
        (BARE, {"instance": "*"}, False),
        (BARE, {"tags": {"Env": ["*"]}}, False),
        (BARE, {"event": "*", "severity": "unknown"}, True),
    ],
)
def test_what_a_route_matches(alarm, match, matches):
    assert route(alarm, config(rule("ir", **match))) == (["ir"] if matches else ["soc"])


@pytest.mark.parametrize(
    ("routes", "to"),
    [
        ([], ["soc"]),
        ([rule("ir"), rule("tickets")], ["ir"]),
        ([rule("tickets", "ir", go_on=True), rule("ir", "soc")], ["tickets", "ir", "soc"]),
        ([rule("tickets", go_on=True), rule("ir", hunt="other")], ["tickets"]),
        ([rule("ir", hunt="other", go_on=True), rule("tickets")], ["tickets"]),
        ([rule("ir", "ir")], ["ir"]),
    ],
)
def test_first_match_continue_and_default(routes, to):
    assert route(FULL, config(*routes)) == to


def test_an_alarm_never_goes_nowhere():
    assert route(BARE, config(default=())) == ["soc", "ir", "tickets"]


def test_what_the_routes_did_in_words():
    routes = [
        rule("ir", severity="suspicious"),
        rule("tickets", "ir", severity="malicious", go_on=True),
        rule("ir", tags={"Team": ["web", "db"]}),
        rule("soc"),
        rule("ir"),
    ]
    assert explain(FULL, config(*routes)) == [
        "route 1: no, severity is malicious, not suspicious",
        "route 2: yes, to tickets, ir, and goes on",
        "route 3: no, tag Team is not known, not web or db",
        "route 4: yes, to soc",
        "route 5: not looked at, an earlier route decided",
        "default: not needed",
    ]
    assert explain(BARE, config()) == ["default: yes, to soc"]
    assert explain(BARE, config(default=())) == [
        "default: yes, to every destination, since there is no default"
    ]


@pytest.mark.parametrize(
    ("event", "malicious", "suspicious", "matches"),
    [
        ("recovered", 1, 0, True),
        ("processing_with_alarms", 0, 1, True),
        ("high_severity_alarm", 1, 0, True),
        ("high_severity_alarm", 0, 1, False),
        ("suspicious_severity_event", 0, 1, True),
        ("suspicious_severity_event", 1, 0, False),
        ("processing_finished", 1, 1, False),
    ],
)
def test_a_recovered_alarm_goes_where_its_lost_webhook_would_have_gone(event, malicious, suspicious, matches):
    alarm = replace(
        FULL, event=replace(FULL.event, kind="recovered"), malicious=malicious, suspicious=suspicious
    )
    assert route(alarm, config(rule("ir", event=event))) == (["ir"] if matches else ["soc"])
