"""What is new on a system: each kind of alarm is new once, and the same event gets the same answer again."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from receiver.events.history import MAX_KINDS, History
from receiver.messages.compose import compose
from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm, Change
from shared.models.captures import Capture, CaptureState
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage.ledger.ledger import Ledger

SUNDAY = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
WEB = System("i-0123456789abcdef0", "us-east-1", "prod")
THIS = Hunt("weekly", SUNDAY)
LAST = SUNDAY - timedelta(days=7)


def alarm(id: str, *kinds: str, at: datetime = SUNDAY, hunt: Hunt | None = THIS) -> Alarm:
    return Alarm(
        Event(id, "processing_with_alarms", at, project_id=1, evidence_id=2),
        Severity.MALICIOUS,
        hunt=hunt,
        system=WEB,
        findings=tuple(Finding(kind, 1, Severity.MALICIOUS) for kind in kinds),
    )


@pytest.fixture
def store(tmp_path):
    database = Database(tmp_path / "huntbridge.db")
    yield SqliteStore(database)
    database.close()


@pytest.fixture
def ledger(store):
    return Ledger(store, lambda: SUNDAY)


@pytest.fixture
def history(store, ledger) -> History:
    return History(store, ledger)


def captured(ledger: Ledger, *alarms: int) -> None:
    """Captures of one hunt after the other. The last is the current hunt."""
    for number, count in enumerate(alarms, 1 - len(alarms)):
        hunt = replace(THIS, scheduled_at=SUNDAY + timedelta(days=7 * number))
        capture = ledger.captures.plan(Capture(hunt.id, WEB))
        for _ in range(2):  # a worker that dies in between does it again
            ledger.captures.update(capture, state=CaptureState.PROCESSED, malicious=count)


def test_each_kind_is_new_once_and_the_same_event_gets_the_same_answer(history: History) -> None:
    first, second = alarm("a", "xmrig", "shell", at=LAST), alarm("b", "shell", "ssh")
    for _ in range(2):
        assert history.compare(first) == Change(None, None, 2, ("xmrig", "shell"), 2)
    for _ in range(2):
        assert history.compare(second) == Change(LAST, LAST, 1, ("ssh",), 2)
    assert history.compare(alarm("c", "ssh")) == Change(LAST, SUNDAY, 0, (), 1)
    assert history.compare(first) == Change(None, None, 2, ("xmrig", "shell"), 2)
    # A kind that the same event did not have at its first attempt is new in it all the same.
    assert history.compare(alarm("c", "ssh", "cron")) == Change(LAST, SUNDAY, 1, ("cron",), 2)


def test_of_many_events_at_once_each_kind_is_new_in_only_one(history: History) -> None:
    changes: list[Change | None] = []

    def ask(number: int) -> None:
        changes.append(history.compare(alarm(f"e{number}", "xmrig", "shell", f"own-{number}")))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    new = [kind for change in changes if change for kind in change.new_kinds]
    assert sorted(new) == sorted(["xmrig", "shell", *(f"own-{number}" for number in range(8))])
    assert sum(change.first_at is None for change in changes if change) == 1


def test_each_past_hunt_is_counted_once_and_the_current_hunt_is_not(history: History, ledger: Ledger) -> None:
    captured(ledger, 9, 0, 3, 0, 5)  # the oldest is one too many
    change = history.compare(alarm("a", "xmrig"))
    assert change is not None
    assert (change.hunts, change.with_alarms) == (3, 1)
    captured(ledger, 4)  # its own capture is settled again, with another count
    assert history.compare(alarm("a", "xmrig")) == change


def test_events_without_alarms_or_system_are_not_compared(history: History) -> None:
    finished = replace(alarm("a"), event=Event("a", "processing_finished", SUNDAY))
    assert history.compare(finished) is None
    assert history.compare(replace(alarm("a", "xmrig"), system=None)) is None
    known = Evidence(2, 1, "disk", instance=WEB.instance)
    assert history.compare(replace(alarm("a", "xmrig"), system=None, evidence=known)) is not None


def test_the_document_of_a_system_stays_small(history: History, store: SqliteStore) -> None:
    for number in range(30):
        history.compare(alarm(f"e{number}", *(f"kind-{number}-{kind}" for kind in range(100))))
    record = store.get("system-alarms", WEB.instance, "-")
    assert record is not None
    assert len(record.body["kinds"]) == MAX_KINDS
    assert [id for id, _ in record.body["events"]] == ["e0", *(f"e{n}" for n in range(11, 30))]
    change = history.compare(alarm("last", *(f"new-{kind}" for kind in range(100))))
    assert change is not None
    assert (change.new, len(change.new_kinds)) == (100, 20)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change(None, None), "first alarm on this system"),
        (Change(None, None, 1, ("x",), 1, 3), "first alarm on this system; none in the 3 hunts before"),
        (
            Change(None, None, 0, (), 0, 3, 2),
            "first alarm on this system; alarms in 2 of the 3 hunts before",
        ),
        (
            Change(LAST, LAST, 1, ("xmrig",), 4, 1, 1),
            "1 kind of alarm not seen here before: xmrig; alarms in the hunt before; "
            "the last one came on 2026-11-15",
        ),
        (
            Change(LAST, SUNDAY, 7, ("a", "b", "c", "https://evil.example"), 9, 1, 0),
            "7 kinds of alarm not seen here before: a, b, c and 4 more; none in the hunt before; "
            "the last one came on 2026-11-22; the first on 2026-11-15",
        ),
        (
            Change(LAST, LAST, 1, ("\u202ehttps://evil.example <!here>",), 1),
            "1 kind of alarm not seen here before: hxxps://evil[.]example <!here>; "
            "the last one came on 2026-11-15",
        ),
        (
            Change(LAST, LAST, 0, (), 4),
            "every kind of alarm was seen here before; the last one came on 2026-11-15",
        ),
        (Change(LAST, LAST), "the last one came on 2026-11-15"),
    ],
)
def test_in_words(change: Change, told: str) -> None:
    message = compose(replace(alarm("a"), change=change))
    assert {fact.label: fact.value for fact in message.facts}["History"] == told
