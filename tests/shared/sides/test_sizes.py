"""Nothing is refused for its size: the worst alarm and the worst report, on every side, to their message."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from receiver.assemble import handlers
from receiver.events import enrich
from scheduler.report import report
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump, load
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.events import Event
from shared.models.evidence import Finding
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.queues import items
from shared.queues.sizes import MAX_ITEM
from shared.queues.worker import work
from shared.secrets import Secrets
from shared.storage.ledger.instance_names import InstanceNames
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import TooLarge
from tests.shared.sides.destination import Tool

pytestmark = pytest.mark.slow

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CONTROL = "\x01"  # six bytes in JSON
KINDS = 5_000


class Enricher(enrich.Enricher):
    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm

    def enrich(self, event: Event) -> Alarm:
        return replace(self.alarm, event=event)


def told(side, alarm: Alarm, event: Event | None = None) -> Tool:
    """What a destination is sent, after the event has gone all the way."""
    config = {
        "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
        "destinations": {"soc": {"type": "slack", "webhook_url": "env:A", "pace": 1000}},
        "default": "soc",
    }
    runtime = Runtime(
        Config.model_validate(config),
        side.store,
        side.queue,
        side.queue,
        side.other_queue,
        Secrets({}),
        now=side.now,
    )
    tool = Tool()
    room = handlers(runtime, Enricher(alarm), {"soc": tool})
    event = event or alarm.event
    runtime.events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
    for _ in range(20):
        if not (work(side.queue, room.event, lease=60) + work(side.other_queue, room.delivery, lease=60)):
            if not (side.queue.depth().living + side.other_queue.depth().living):
                break
            side.forward(side.unit)
    assert (side.queue.depth().dead, side.other_queue.depth().dead) == (0, 0)
    assert side.queue.depth().living == 0
    return tool


def worst_alarm() -> Alarm:
    event = Event(
        "event-1",
        "processing_with_alarms",
        AT,
        text=CONTROL * 250_000,
        project_id=3,
        evidence_id=4,
        malicious=KINDS,
    )
    findings = tuple(
        Finding(
            f"kind {number} " + CONTROL * 2_000,
            1 + number,
            Severity.SUSPICIOUS if number % 2 else Severity.MALICIOUS,
            path="/" + "é" * 4_000,
        )
        for number in range(KINDS)
    )
    return Alarm(
        event,
        Severity.MALICIOUS,
        KINDS,
        0,
        instance=Instance("i-0aaaaaaaaaaaaaaa1", "us-east-1", name="web-02", tags={"t": "x" * 100_000}),
        hunt=Hunt("weekly", AT, problems=("p" * 9_000,) * 10_000),
        findings=findings,
    )


def test_an_alarm_of_thousands_of_kinds_is_told_and_says_how_many_there_are(side):
    alarm = worst_alarm()
    (message,) = told(side, alarm).sent
    assert message.title == "5,000 malicious on web-02 (i-0aaaaaaaaaaaaaaa1)"
    assert message.findings_total == KINDS
    assert [finding.count for finding in message.findings] == list(range(KINDS - 1, KINDS - 21, -2))
    assert message.alarm
    assert len(message.alarm.findings) == KINDS  # the whole, for what is attached to an issue
    file = side.store.get("case-file", message.case_key, "-")
    assert load(Alarm, file.body["alarm"]).findings_total == KINDS


def test_an_alarm_that_is_too_large_for_any_store_is_told_with_what_travelled(side, monkeypatch, caplog):
    put = side.store.put

    def refusing(kind, *place, **how):
        if kind == "whole-alarm":
            raise TooLarge("the whole-alarm event-1 takes 99,000 KB")
        return put(kind, *place, **how)

    monkeypatch.setattr(side.store, "put", refusing)
    (message,) = told(side, worst_alarm()).sent
    assert message.alarm
    assert message.findings_total == KINDS > len(message.alarm.findings)
    assert "only a part of the event is kept event=event-1" in caplog.text


def test_an_alarm_of_which_the_whole_is_gone_is_told_with_what_travelled(side):
    body = json.loads(items.encode(items.DeliverAlarm("soc", dump(worst_alarm()))))
    assert len(items.encode(items.DeliverAlarm("soc", body["alarm"]))) <= MAX_ITEM + 1_000
    travelled = load(Alarm, body["alarm"])
    assert travelled.findings_total == KINDS > len(travelled.findings) > 10
    assert all(finding.severity is Severity.MALICIOUS for finding in travelled.findings)
    assert travelled.case_key == worst_alarm().case_key


def test_the_report_of_ten_thousand_systems_with_long_texts(side):
    hunt = Hunt(
        "weekly",
        AT,
        project_id=3,
        systems=10_000,
        problems=tuple(f"problem {n} " + CONTROL * 500 for n in range(10_000)),
        left_out=tuple(f"i-{n:017x} is left out: " + CONTROL * 500 for n in range(10_000)),
    )
    captures = [
        Capture(
            hunt.id,
            System(f"i-{number:017x}", "us-east-1", "production"),
            CaptureState.FAILED,
            reason=f"refused {number} " + CONTROL * 2_000,
        )
        for number in range(10_000)
    ]

    class Names(InstanceNames):
        def get(self, instance):
            return "n" * 2_000

    ledger = Ledger(side.store, side.now)
    ledger.instance_names = Names(side.store)
    whole = report(ledger, hunt, captures, CONTROL * 100_000, AT)
    event = Event("hunt_finished:1", HUNT_FINISHED, AT, project_id=3, hunt_id=hunt.id, report=whole)
    (message,) = told(side, Alarm(event, Severity.INFO, hunt=hunt)).sent
    assert (
        message.title == "Hunt weekly failed: nothing was captured: …"
    )  # the reason has no other characters
    assert message.lines_total == 10_000
    assert len(message.lines) > 20
    carried = json.loads(items.encode(items.OwnEvent(dump(event))))["event"]["report"]
    assert carried["problems"][-1] == f"and {10_000 - len(carried['problems']) + 1:,} more of these"
    texts = [line.text for line in message.lines]
    for cut in (carried["problems"], carried["left_out"]):
        assert [text for text in texts if text.endswith(cut[-1])]


@pytest.mark.parametrize("kind", ["hunt", "capture", "digest", "case-file", "notice"])
def test_every_kind_of_document_may_be_large(side, kind):
    body = {"events": [f"{number:032x}" for number in range(60_000)]}
    assert side.store.put(kind, "g", "n", body)
    assert side.store.get(kind, "g", "n").body == body
