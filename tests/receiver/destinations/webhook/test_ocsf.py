"""Alarms as Detection Findings: each is valid against the published schema of OCSF 1.8."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from receiver.destinations.contract import NEW_CASE, Delivered
from receiver.destinations.webhook import document, ocsf
from receiver.destinations.webhook.destination import WebhookDestination, preview
from receiver.messages.compose import compose
from shared.config.destinations.webhook import WebhookDestinationConfig
from shared.http.client import Http
from shared.models.alarms import Alarm, Change, SentAgain
from shared.models.decisions import CaseDecision, Verdict
from shared.models.event_kinds import ALARM_KINDS, DECISION_KINDS
from shared.models.evidence import Artefact, Finding
from shared.models.severity import Severity
from shared.secrets import Secret
from tests.receiver.destinations.fuzz import Fuzz, texts
from tests.receiver.destinations.sample_alarms import ALARMS, NOON

SCHEMA = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
FINDINGS = {name: alarm for name, alarm in ALARMS.items() if ocsf.is_finding(compose(alarm))}
OTHERS = {name: alarm for name, alarm in ALARMS.items() if name not in FINDINGS}
DIGEST = "a" * 64
EXAMPLES = int(os.environ.get("HUNTBRIDGE_FUZZ", "150"))


def finding(alarm: Alarm, limit: int = document.MAX_BYTES) -> dict[str, Any]:
    body = ocsf.payload(compose(alarm), limit)
    assert len(body) <= limit
    made: dict[str, Any] = json.loads(body)
    check(made)
    return made


def check(made: dict[str, Any]) -> None:
    schema = SCHEMA.get_class_schema("detection_finding", made["metadata"].get("profiles", []))
    errors = Draft202012Validator(schema).iter_errors(made)
    assert [f"{list(error.path)}: {error.message}" for error in errors] == []
    assert made["type_uid"] == 200_400 + made["activity_id"]  # which the schema does not demand


def test_the_schema_refuses_what_is_wrong(alarms: dict[str, Alarm]) -> None:
    made = finding(alarms["rich"])
    wrongs: list[dict[str, Any]] = [{"severity_id": 77}, {"no_such_key": 1}, {"finding_info": {}}]
    for wrong in (*wrongs, {"time": "noon"}):
        with pytest.raises(AssertionError):
            check(made | wrong)


def test_there_are_findings_of_every_kind() -> None:
    kinds = {alarm.event.kind for alarm in FINDINGS.values()}
    assert set(ALARM_KINDS) - kinds <= {"suspicious_severity_event", "high_severity_alarm"}
    assert kinds >= DECISION_KINDS
    assert {"hunt_finished", "capture_failed", "test"} <= {alarm.event.kind for alarm in OTHERS.values()}


@pytest.mark.parametrize("name", FINDINGS)
def test_every_finding_is_valid(name: str) -> None:
    alarm = FINDINGS[name]
    made = finding(alarm)
    assert made["finding_info"]["uid"] == compose(alarm).case_key
    assert made["metadata"]["uid"] == compose(alarm).id


@pytest.mark.parametrize("kind", [*ALARM_KINDS, "detection_created", "detection_updated"])
@pytest.mark.parametrize("severity", list(Severity))
def test_every_kind_and_severity_is_valid(alarms: dict[str, Alarm], kind: str, severity: Severity) -> None:
    for name in ("rich", "minimal"):
        alarm = replace(alarms[name], severity=severity)
        made = finding(replace(alarm, event=replace(alarm.event, kind=kind)))
        assert made["severity_id"] == {"malicious": 5, "suspicious": 3, "info": 1, "unknown": 0}[severity]


def test_what_a_finding_says(alarms: dict[str, Alarm]) -> None:
    rich = alarms["rich"]
    assert rich.instance is not None
    bad = Finding(
        "YARA: wannamine",
        3,
        Severity.MALICIOUS,
        ("T1496", "TA0004", "T1059.001"),
        "C:\\Windows\\evil.exe",
        (Artefact("C:\\Windows\\evil.exe", 3, (DIGEST,)),),
    )
    made = finding(replace(rich, findings=(bad,)))
    (evidence,) = made["evidences"]
    assert (evidence["file"]["name"], evidence["file"]["path"]) == ("evil.exe", "C:\\Windows\\evil.exe")
    assert evidence["file"]["hashes"][0]["value"] == DIGEST
    attacks = made["finding_info"]["attacks"]
    assert [next(iter(each)) for each in attacks] == ["technique", "tactic", "sub_technique"]
    assert attacks[0]["technique"]["name"] == "Resource Hijacking"
    (resource,) = made["resources"]
    assert (resource["uid"], resource["name"]) == (rich.instance.id, rich.instance.name)
    assert made["cloud"]["provider"] == "AWS"
    assert {(each["type_id"], each["value"]) for each in made["observables"]} >= {
        (8, DIGEST),
        (45, "C:\\Windows\\evil.exe"),
        (10, rich.instance.id),
    }


def test_the_first_alarm_creates_the_finding_and_later_ones_update_it(alarms: dict[str, Alarm]) -> None:
    first = replace(alarms["rich"], change=Change(None, None), earlier=None)
    later = replace(first, change=Change(NOON - timedelta(days=7), NOON))
    again = replace(first, sent_again=SentAgain("e1", "ada", NOON))
    assert [finding(each)["activity_id"] for each in (first, later, again)] == [1, 2, 2]
    assert finding(first)["status_id"] == 1


@pytest.mark.parametrize(("verdict", "id"), [("true_positive", 2), ("benign", 5), ("false_positive", 1)])
def test_a_closed_case_closes_its_finding(alarms: dict[str, Alarm], verdict: str, id: int) -> None:
    closed = alarms["closed"]
    assert isinstance(closed.decision, CaseDecision)
    made = finding(replace(closed, decision=replace(closed.decision, verdict=Verdict(verdict), why="a job")))
    assert (made["activity_id"], made["status_id"], made["verdict_id"]) == (3, 4, id)
    assert made["status_detail"] == "a job"
    assert made["metadata"]["profiles"][-1] == "incident"


def test_a_large_one_says_what_it_leaves_out(alarms: dict[str, Alarm]) -> None:
    made = finding(alarms["huge"], 20_000)
    assert made["metadata"]["is_truncated"]
    assert made["unmapped"]["findings_left_out"] > 0
    for limit in (document.MAX_BYTES, document.MAX_BYTES // 4, 8_000):
        for name in ("huge", "hostile", "unicode", "many_findings"):
            finding(alarms[name], limit)


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=(Phase.generate,))
@given(seed=st.integers(0, 2**32), words=st.lists(texts, min_size=2, max_size=6))
def test_fuzzed(seed: int, words: list[str]) -> None:
    alarm = Fuzz(seed, words).alarm()
    if ocsf.is_finding(compose(alarm)):
        for limit in (document.MAX_BYTES, document.MAX_BYTES // 4):
            finding(alarm, limit)


def sent(peer: Any, alarm: Alarm, **settings: Any) -> Any:
    url, secret = Secret(f"{peer.origin}/in"), Secret("a-secret-of-the-siem")
    siem = WebhookDestination("siem", url, [secret], Http(), **settings)
    assert siem.deliver(compose(alarm), NEW_CASE) == Delivered()
    return peer.requests[-1]


def test_a_receiver_gets_findings_as_ocsf_and_the_rest_as_huntbridges_own(
    peer: Any, alarms: dict[str, Alarm]
) -> None:
    request = sent(peer, alarms["rich"], ocsf=True)
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(request.body)["class_uid"] == 2004
    for alarm in (*OTHERS.values(), alarms["rich"]):
        request = sent(peer, alarm, ocsf=alarm is not alarms["rich"])
        assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
        assert json.loads(request.body)["specversion"] == "1.0"


def test_the_preview_has_the_configured_format(alarms: dict[str, Alarm]) -> None:
    def config(format: str) -> WebhookDestinationConfig:
        section = {"type": "webhook", "url": "https://siem.example", "secrets": "env:S", "format": format}
        return WebhookDestinationConfig.model_validate(section)

    message = compose(alarms["rich"])
    assert preview(message, config("ocsf")).body["class_uid"] == 2004
    assert preview(message, config("cloudevents")).body["specversion"] == "1.0"
