"""What happened in the last 24 hours, counted once a minute."""

from __future__ import annotations

from datetime import timedelta

from scheduler.day_counts import count_day
from shared.models.events import Event
from shared.models.severity import Severity
from shared.storage.ledger.day_counts import last_day_counts


def deliver(stage, id, destination, state="delivered"):
    ledger, now = stage.runtime.ledger, stage.moment
    ledger.events.record_routed(Event(id, "processing_with_alarms", now), Severity.INFO, [destination])
    body = {"state": state, "attempts": 1, "first_at": now.isoformat(), "last_at": now.isoformat()}
    stage.runtime.store.put("delivery", id, destination, body)


def events_of(stage):
    counts = last_day_counts(stage.runtime.store)
    return counts and counts.events


def test_messages_by_destination_that_were_delivered(stage):
    deliver(stage, "old", "soc")
    stage.moment += timedelta(hours=25)
    for number in range(3):
        deliver(stage, f"e{number}", "soc")
    deliver(stage, "e3", "office")
    deliver(stage, "e4", "office", "dead")
    deliver(stage, "e5", "office", "pending")
    count_day(stage.runtime)
    counts = last_day_counts(stage.runtime.store)
    assert counts is not None
    assert (counts.at, counts.events, dict(counts.delivered)) == (stage.moment, 6, {"soc": 3, "office": 1})


def test_it_counts_once_a_minute_and_not_more_often(stage):
    count_day(stage.runtime)
    deliver(stage, "e1", "soc")
    stage.moment += timedelta(seconds=30)
    count_day(stage.runtime)
    assert events_of(stage) == 0
    stage.moment += timedelta(seconds=30)
    count_day(stage.runtime)
    assert events_of(stage) == 1
