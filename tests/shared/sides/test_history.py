"""The history of a system is the same on every side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.events.history import History
from shared.models.alarms import Alarm, Change
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.coverage import CoveredSystem, Outcome
from shared.models.events import Event
from shared.models.evidence import Finding
from shared.models.findings_seen import InHunt, Seen
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.queries.queries import Queries

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


def test_in_which_of_the_last_hunts_a_kind_was_seen(side) -> None:
    ledger, asked = Ledger(side.store, side.now), Queries(side.store, side.now).findings
    history = History(side.store, ledger)
    hunts = [Hunt("weekly", SUNDAY + timedelta(weeks=week)) for week in range(-13, 1)]
    alarm = Alarm(Event("e", "recovered", SUNDAY), Severity.MALICIOUS, system=SYSTEM)
    for number, hunt in enumerate(hunts):
        event = replace(alarm.event, id=f"e{number}", received_at=hunt.scheduled_at)
        texts = ("sudo", "xmrig") if number == 13 else ("sudo",)
        found = tuple(Finding(text, 1, Severity.MALICIOUS) for text in texts)
        for _ in range(2):
            history.compare(replace(alarm, event=event, hunt=hunt, findings=found))
    seen = asked.of_system(SYSTEM, ["sudo", "xmrig", "never"])
    assert [each.hunt_id for each in seen["sudo"].hunts] == [hunt.id for hunt in hunts[-12:]]
    assert seen["sudo"].in_words == "seen in 12 of the last 12 hunts"
    assert (seen["sudo"].first_at, seen["sudo"].last_at) == (hunts[0].scheduled_at, SUNDAY)
    assert (seen["xmrig"].is_new, seen["sudo"].is_new, seen["never"].is_new) == (True, False, False)
    assert seen["never"].first_at is None


def test_what_an_earlier_version_stored_is_not_known(side) -> None:
    """It stored the kinds of a system, and how each capture ended."""
    side.store.put(kinds.SYSTEM_ALARMS, SYSTEM.instance, "-", {"events": [], "kinds": {}})
    weeks = {"2026-W46": {HUNTS[0].id: Outcome.MALICIOUS}, "2026-W47": {HUNTS[1].id: Outcome.CLEAN}}
    side.store.put(kinds.SYSTEM, "", SYSTEM.key, dump(CoveredSystem(SYSTEM, weeks=weeks)))
    asked = Queries(side.store, side.now).findings
    was = [hunt.was for hunt in asked.of_system(SYSTEM, ["sudo"])["sudo"].hunts]
    assert was == [InHunt.NOT_KNOWN, InHunt.NOT_SEEN]
    assert asked.of_system(replace(SYSTEM, instance="i-none"), ["sudo"])["sudo"] == Seen()
