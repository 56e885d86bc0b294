"""Each event is counted once in its week, whatever happens to the job."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler import trends
from scheduler.index_old_documents import index_old_documents
from scheduler.trends import OTHER, count_events
from shared.hosting.runtime import Runtime
from shared.models.events import Event, EventFacts
from shared.models.severity import Severity
from shared.storage import kinds
from tests.scheduler.staging import Stage

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MALICIOUS, SUSPICIOUS, INFO = Severity.MALICIOUS, Severity.SUSPICIOUS, Severity.INFO


@pytest.fixture
def at_work(stage: Stage) -> Stage:
    stage.moment = MONDAY
    index_old_documents(stage.runtime)
    return stage


def happen(stage: Stage, id: str, severity: Severity = MALICIOUS, **event: Any) -> None:
    kind, merged = event.get("kind", "processing_with_alarms"), event.get("merged_into", "")
    facts = EventFacts(techniques=event.get("techniques", {}))
    stage.runtime.ledger.events.record_routed(
        Event(id, kind, stage.moment), severity, ["soc"], merged_into=merged, facts=facts
    )
    stage.forward(1)


def of_week(runtime: Runtime, back: int = 0) -> Any:
    return runtime.queries.trends(12)[11 - back]


def test_events_are_counted_by_severity_kind_and_technique(at_work):
    happen(at_work, "e1", techniques={"T1496": 2, "T1059.004": 1})
    happen(at_work, "e2", SUSPICIOUS, techniques={"T1496": 1})
    happen(at_work, "e3", techniques={"T1496": 2}, merged_into="e1")
    happen(at_work, "e4", INFO, kind="hunt_finished")
    happen(at_work, "e5", kind="unacknowledged", techniques={"T1496": 2})
    count_events(at_work.runtime)
    assert of_week(at_work.runtime).total == 0  # the last minute is left to the next run
    at_work.forward(60)
    for _ in range(3):
        count_events(at_work.runtime)
    week = of_week(at_work.runtime)
    assert week.start == MONDAY.date()
    assert week.events == {MALICIOUS: 3, SUSPICIOUS: 1, INFO: 1, Severity.UNKNOWN: 0}
    assert week.kinds == {"processing_with_alarms": 3, "hunt_finished": 1, "unacknowledged": 1}
    assert week.techniques == {"T1496": 3, "T1059.004": 1}
    miner, shell = at_work.runtime.queries.coverage.techniques(weeks=2)
    assert (miner.id, miner.name, miner.tactic, miner.counts) == (
        *("T1496", "Resource Hijacking", "Impact"),
        (0, 3),
    )
    assert (shell.tactic, shell.total) == ("Execution", 1)


def test_nothing_is_counted_before_the_events_of_an_earlier_version_are_indexed(stage):
    stage.moment = MONDAY
    happen(stage, "e1")
    stage.forward(61)
    count_events(stage.runtime)
    assert of_week(stage.runtime).total == 0
    index_old_documents(stage.runtime)
    count_events(stage.runtime)
    assert of_week(stage.runtime).total == 1


def test_weeks_follow_each_other_and_empty_ones_are_passed(at_work):
    happen(at_work, "e1")
    at_work.forward(61)
    count_events(at_work.runtime)
    happen(at_work, "e2")
    at_work.moment = MONDAY + timedelta(days=7) - timedelta(seconds=1)
    happen(at_work, "e3")  # in the last second of the week
    happen(at_work, "e4", SUSPICIOUS)  # in the first second of the next
    at_work.moment = MONDAY + timedelta(days=21)
    happen(at_work, "e5")
    at_work.forward(61)
    count_events(at_work.runtime)
    assert [week.total for week in at_work.runtime.queries.trends(4)] == [3, 1, 0, 1]


def test_a_long_queue_of_events_is_counted_over_several_runs(at_work, monkeypatch):
    monkeypatch.setattr(trends, "MOST_ON_A_PAGE", 3)
    monkeypatch.setattr(trends, "_PAGES", 2)
    for number in range(20):
        happen(at_work, f"e{number}")
    at_work.forward(61)
    totals = []
    for _ in range(5):
        count_events(at_work.runtime)
        totals.append(of_week(at_work.runtime).total)
    assert totals == [6, 12, 18, 20, 20]


def test_two_runs_at_once_count_each_event_once(at_work, monkeypatch):
    for number in range(5):
        happen(at_work, f"e{number}")
    at_work.forward(61)
    weeks = at_work.runtime.ledger.weeks
    save = weeks.save
    inside: list[bool] = []

    def overtaken(*given: Any) -> Any:
        if not inside:
            inside.append(True)
            count_events(at_work.runtime)  # another run reads and writes the same before this one writes
        return save(*given)

    monkeypatch.setattr(weeks, "save", overtaken)
    count_events(at_work.runtime)
    count_events(at_work.runtime)
    assert of_week(at_work.runtime).total == 5


def test_a_run_that_is_killed_before_its_write_counts_nothing(at_work, monkeypatch):
    happen(at_work, "e1")
    at_work.forward(61)
    with monkeypatch.context() as patch:
        patch.setattr(at_work.runtime.store, "put", _killed)
        with pytest.raises(SystemExit):
            count_events(at_work.runtime)
    count_events(at_work.runtime)
    assert of_week(at_work.runtime).total == 1


def _killed(*_: Any, **__: Any) -> bool:
    raise SystemExit


def test_an_event_of_a_wrong_clock_holds_up_no_other(at_work):
    at_work.moment = MONDAY + timedelta(days=400)
    happen(at_work, "future")
    at_work.moment = MONDAY
    count_events(at_work.runtime)
    happen(at_work, "e1")
    at_work.moment = MONDAY + timedelta(days=7)
    happen(at_work, "e2")
    at_work.forward(61)
    count_events(at_work.runtime)
    assert [week.total for week in at_work.runtime.queries.trends(2)] == [1, 1]


def test_the_document_of_a_week_has_a_bounded_size(at_work, monkeypatch):
    monkeypatch.setattr(trends, "_MAX_NAMES", 3)
    for number in range(6):
        happen(at_work, f"e{number}", kind=f"kind-{number % 5}")
    at_work.forward(61)
    count_events(at_work.runtime)
    counted = of_week(at_work.runtime).kinds
    assert len(counted) == 4
    assert sum(counted.values()) == 6
    assert counted[OTHER] == 2
    assert at_work.runtime.store.get(kinds.WEEK, "", "2026-W48")
