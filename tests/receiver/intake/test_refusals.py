"""Refused webhooks: counted, logged now and then, and told once an hour as an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from receiver.intake.refusals import MAX_SENDERS, Refusals
from receiver.messages.compose import compose
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import QueueError
from shared.storage.ledger.ledger import Ledger
from shared.storage.ledger.refusals import REFUSED, RefusalCounts, in_a_day
from shared.storage.ports import StoreError
from tests.queue_items import decoded

WRONG, LARGE = "The token is missing or wrong.", "The body is larger than 256 KiB."


class Bridge:
    def __init__(self, database: Database) -> None:
        self.at = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
        self.events = SqliteQueue(database, "events")
        self.store = SqliteStore(database)
        self._ledger = Ledger(self.store, lambda: self.at)
        self.start()

    def start(self) -> None:
        self.refusals = Refusals(
            self.events, self._ledger.notes, RefusalCounts(self.store, lambda: self.at), lambda: self.at
        )

    def tell(self, **later: float) -> list[Event]:
        self.at += timedelta(**later)
        self.refusals.report()
        return [load(Event, decoded(items.OwnEvent, item.body).event) for item in self._claim()]

    def _claim(self):
        claimed = self.events.claim(10, lease=60)
        for item in claimed:
            self.events.done(item)
        return claimed


@pytest.fixture
def bridge(tmp_path):
    database = Database(tmp_path / "huntbridge.db")
    yield Bridge(database)
    database.close()


def test_refused_webhooks_are_told_once_an_hour_with_reasons_counts_and_senders(bridge):
    for sender in ("203.0.113.7", "203.0.113.7", "2001:db8::7"):
        bridge.refusals(401, WRONG, sender)
    bridge.refusals(413, LARGE, "203.0.113.7")
    assert bridge.tell(seconds=30) == []
    (event,) = bridge.tell(seconds=31)
    assert (event.kind, event.alarms) == ("webhooks_refused", 4)
    assert event.text.splitlines() == [
        f"401, 3 times, from 203.0.113.7 (2), 2001:db8::7 (1): {WRONG}",
        f"413, 1 time, from 203.0.113.7 (1): {LARGE}",
    ]
    bridge.refusals(401, WRONG, "203.0.113.7")
    assert bridge.tell(minutes=58) == []
    (event,) = bridge.tell(minutes=3)
    assert event.alarms == 1
    assert bridge.tell(hours=2) == []


def test_a_restart_does_not_tell_again_within_the_hour(bridge):
    bridge.refusals(401, WRONG, "203.0.113.7")
    assert len(bridge.tell(minutes=2)) == 1
    bridge.start()
    bridge.refusals(401, WRONG, "203.0.113.7")
    assert bridge.tell(minutes=2) == []
    assert len(bridge.tell(minutes=59)) == 1


def test_a_clock_that_was_wrong_keeps_nothing_from_being_told(bridge):
    bridge.at += timedelta(days=1_000)
    bridge.refusals(401, WRONG, "203.0.113.7")
    assert len(bridge.tell(minutes=2)) == 1
    bridge.at -= timedelta(days=1_000)
    bridge.refusals(401, WRONG, "203.0.113.7")
    assert len(bridge.tell(minutes=2)) == 1


def test_what_was_refused_while_the_store_was_down_is_told_afterwards(bridge, monkeypatch, caplog):
    def broken(*_, **__):
        raise QueueError("the queue events cannot be written: database or disk is full")

    bridge.refusals(503, "The event could not be stored; send it again later.", "203.0.113.7")
    with monkeypatch.context() as patched:
        patched.setattr(bridge.events, "put", broken)
        assert bridge.tell(minutes=2) == []
    assert 'refused webhooks not reported yet reason="the queue events cannot be written' in caplog.text
    bridge.refusals(503, "The event could not be stored; send it again later.", "203.0.113.7")
    (event,) = bridge.tell(seconds=10)
    assert event.alarms == 2


def test_an_event_that_is_in_the_queue_is_not_repeated_where_its_note_could_not_be_written(
    bridge, monkeypatch, caplog
):
    def broken(*_, **__):
        raise StoreError("the database cannot be written: disk I/O error")

    bridge.refusals(401, WRONG, "203.0.113.7")
    with monkeypatch.context() as patched:
        patched.setattr(bridge._ledger.notes, "save", broken)
        assert len(bridge.tell(minutes=2)) == 1
    bridge.refusals(401, WRONG, "203.0.113.7")
    assert bridge.tell(minutes=2) == []
    (event,) = bridge.tell(hours=1)
    assert event.alarms == 1


def test_the_log_has_a_line_a_minute_for_each_reason_and_the_counts_are_whole(bridge, caplog):
    for _ in range(1_000):
        bridge.refusals(401, WRONG, "203.0.113.7")
        bridge.refusals(413, LARGE, "203.0.113.7")
    lines = [record for record in caplog.records if record.message == "webhook refused"]
    assert [(line.status, line.sender) for line in lines] == [(401, "203.0.113.7"), (413, "203.0.113.7")]
    summary = bridge.refusals.summary()
    assert summary == {"401": 1_000, "413": 1_000, "last": "2026-11-24T03:00:00+00:00"}


def test_many_senders_and_hostile_names_stay_within_bounds(bridge):
    for number in range(5 * MAX_SENDERS):
        bridge.refusals(401, WRONG, f"10.0.{number // 250}.{number % 250}")
    bridge.refusals(401, WRONG, "<!channel> http://evil.example")
    (event,) = bridge.tell(minutes=2)
    assert event.alarms == 5 * MAX_SENDERS + 1
    assert event.text.count("10.0.") == 10
    assert "others (491)" in event.text
    assert "evil" not in event.text


def test_an_address_that_is_none_is_not_repeated(bridge):
    bridge.refusals(401, WRONG, "<!channel> http://evil.example")
    (event,) = bridge.tell(minutes=2)
    assert event.text == f"401, 1 time, from an unknown address (1): {WRONG}"


def test_the_message_says_how_many_were_refused_and_why(bridge):
    for _ in range(12):
        bridge.refusals(401, WRONG, "203.0.113.7")
    (event,) = bridge.tell(minutes=2)
    message = compose(Alarm(event, Severity.UNKNOWN))
    assert message.title == "12 webhooks were refused"
    assert "the platform does not send it again" in message.summary
    assert message.quote == f"401, 12 times, from 203[.]0[.]113[.]7 (12): {WRONG}"


def counted(bridge):
    return [
        (each.status, each.count, each.sender, each.reason)
        for each in in_a_day(bridge.store.get(*REFUSED), bridge.at)
    ]


def test_the_ledger_has_the_counts_of_a_day_and_the_newest_of_each_status(bridge):
    for _ in range(3):
        bridge.refusals(401, WRONG, "203.0.113.7")
    assert counted(bridge) == []  # the web path writes nothing
    bridge.tell(seconds=5)
    bridge.refusals(413, LARGE, "203.0.113.9")
    bridge.refusals(401, WRONG, "203.0.113.8")
    bridge.tell(minutes=90)
    bridge.start()
    assert counted(bridge) == [(401, 4, "203.0.113.8", WRONG), (413, 1, "203.0.113.9", LARGE)]
    bridge.tell(hours=21)
    assert [(status, count) for status, count, *_ in counted(bridge)] == [(401, 4), (413, 1)]
    bridge.tell(hours=2)
    assert counted(bridge) == []


def test_a_flood_makes_one_small_document(bridge):
    for number in range(5_000):
        bridge.refusals(401 + number % 3, "x" * 10_000, f"203.0.113.{number % 250}")
    version = bridge.store.get(*REFUSED)
    bridge.tell(minutes=2)
    record = bridge.store.get(*REFUSED)
    assert version is None
    assert record.version == 1
    assert len(str(record.body)) < 2_000
    assert sum(count for _, count, *_ in counted(bridge)) == 5_000
