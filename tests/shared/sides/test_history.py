"""The history of a system is the same on every side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from receiver.events.history import History
from shared.models.alarms import Alarm, Change
from shared.models.captures import Capture, CaptureState
from shared.models.events import Event
from shared.models.evidence import Finding
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage.ledger.ledger import Ledger

SUNDAY = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SYSTEM = System("i-0123456789abcdef0", "us-east-1")
HUNTS = [Hunt("weekly", datetime(2026, 11, day, 2, 0, tzinfo=UTC)) for day in (8, 15, 22)]


def test_kinds_and_hunts(side) -> None:
    ledger = Ledger(side.store, side.now)
    history = History(side.store, ledger)
    for hunt, alarms in zip(HUNTS, (2, 0, 7), strict=True):
        ledger.captures.update(
            ledger.captures.plan(Capture(hunt.id, SYSTEM)), state=CaptureState.PROCESSED, suspicious=alarms
        )
    finding = Finding("xmrig", 1, Severity.MALICIOUS)
    first = Alarm(
        Event("first", "recovered", SUNDAY),
        Severity.MALICIOUS,
        hunt=HUNTS[-1],
        system=SYSTEM,
        findings=(finding,),
    )
    second = replace(
        first,
        event=Event("second", "recovered", SUNDAY),
        findings=(finding, replace(finding, description="shell")),
    )
    for _ in range(2):
        assert history.compare(first) == Change(None, None, 1, ("xmrig",), 1, 2, 1)
        assert history.compare(second) == Change(SUNDAY, SUNDAY, 1, ("shell",), 2, 2, 1)
    assert ledger.captures.past_hunts(SYSTEM.instance) == [
        (HUNTS[0].id, 2),
        (HUNTS[1].id, 0),
        (HUNTS[2].id, 7),
    ]
