"""The simulated PagerDuty refuses what the Events API v2 refuses, and keeps incidents as PagerDuty does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.pagerduty.simulation import DEMO_KEY, PagerDuty
from tests.demo.asking import Clock, post

GOOD: dict[str, Any] = {
    "routing_key": DEMO_KEY,
    "event_action": "trigger",
    "dedup_key": "a case",
    "payload": {"summary": "5 malicious on web-01", "source": "web-01", "severity": "critical"},
}


def send(pagerduty: PagerDuty, event: Any) -> tuple[int, Any]:
    status, text = post(pagerduty, "/v2/enqueue", event)
    return status, json.loads(text)


def but(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**GOOD, **changes}.items() if value is not None}


def with_payload(**changes: Any) -> dict[str, Any]:
    payload = {key: value for key, value in {**GOOD["payload"], **changes}.items() if value is not None}
    return but(payload=payload)


def test_an_incident_is_opened_acknowledged_and_resolved_and_a_new_one_opened() -> None:
    pagerduty = PagerDuty()
    answer = {"status": "success", "message": "Event processed", "dedup_key": "a case"}
    assert send(pagerduty, GOOD) == (202, answer)
    send(pagerduty, with_payload(summary="Update"))
    (incident,) = pagerduty.incidents
    assert (incident.status, [text for _, text in incident.log]) == (
        "triggered",
        ["5 malicious on web-01", "Update"],
    )
    send(pagerduty, but(event_action="acknowledge", payload=None))
    send(pagerduty, GOOD)
    assert incident.status == "acknowledged"  # a trigger leaves it quiet
    send(pagerduty, but(event_action="resolve", payload=None))
    assert incident.status == "resolved"
    send(pagerduty, GOOD)
    assert [incident.status for incident in pagerduty.incidents] == ["resolved", "triggered"]
    assert pagerduty.pages == ["5 malicious on web-01"] * 2
    assert DEMO_KEY not in json.dumps(pagerduty.shown())


def test_an_event_for_no_open_incident_is_dropped_without_an_error() -> None:
    pagerduty = PagerDuty()
    for action in ("acknowledge", "resolve"):
        assert send(pagerduty, but(event_action=action, payload=None))[0] == 202
    assert pagerduty.incidents == []
    assert len(pagerduty.dropped) == 2


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (but(routing_key=None), "'routing_key' is missing or blank"),
        (but(routing_key="short"), "Length of 'routing_key' is incorrect"),
        (but(routing_key="0" * 32), "Invalid routing key"),
        (but(event_action="page"), "'event_action' is missing or invalid"),
        (but(dedup_key="k" * 256), "Length of 'dedup_key' is incorrect"),
        (but(dedup_key=5), "'dedup_key' is not a string"),
        (but(event_action="resolve", dedup_key=None), "'dedup_key' is missing or blank"),
        (but(payload=None), "'payload' is missing or blank"),
        (with_payload(summary=" "), "'payload.summary' is missing or blank"),
        (with_payload(summary="s" * 1_025), "'payload.summary' is too long"),
        (with_payload(source=None), "'payload.source' is missing or blank"),
        (with_payload(severity="high"), "'payload.severity' is missing or invalid"),
        (with_payload(component=7), "'payload.component' is not a string"),
        (with_payload(custom_details=["x"]), "'payload.custom_details' is not an object"),
        (but(links=["https://cado.example"]), "'links' is invalid"),
        ([], "JSON object is invalid"),
        (b"{", "JSON object is invalid"),
    ],
)
def test_an_event_that_is_not_valid_is_refused(event: Any, error: str) -> None:
    pagerduty = PagerDuty()
    status, answer = send(pagerduty, event)
    assert (status, answer["status"]) == (400, "invalid event")
    assert any(said.startswith(error) for said in answer["errors"]), answer
    assert (pagerduty.messages, pagerduty.incidents) == ([], [])
    assert len(pagerduty.refused) == 1


def test_an_event_that_is_too_large_is_refused() -> None:
    pagerduty = PagerDuty()
    event = with_payload(custom_details={"text": "x" * 512_000})
    assert post(pagerduty, "/v2/enqueue", event)[0] == 413


def test_the_rate_is_limited_for_a_minute() -> None:
    clock = Clock()
    pagerduty = PagerDuty(rate=2, now=clock)
    assert [send(pagerduty, GOOD)[0] for _ in range(3)] == [202, 202, 429]
    clock.time += 59
    answer = pagerduty.app.test_client().post("/v2/enqueue", json=GOOD)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.get_json()["status"] == "throttle exceeded"
    clock.time += 1
    assert send(pagerduty, GOOD)[0] == 202
