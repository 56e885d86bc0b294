"""How long captures take, by the last runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.capture_times import CaptureTimes, assumed, observe
from scheduler.ranges import Range
from scheduler.worker_seconds import worker_seconds
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt
from shared.models.systems import Kind, System
from shared.platform.answers import Pipeline
from tests.scheduler.staging import SUNDAY, Stage

FULL, TRIAGE = (Kind.EC2, "full"), (Kind.EC2, "triage")


def system(number: int) -> System:
    return System(f"i-{number:017x}", "us-east-1")


def run(stage: Stage, name: str, weeks_ago: int, *minutes: float | None, mode: str = "full") -> None:
    """A run whose captures took so many minutes; None: one that failed."""
    at = SUNDAY - timedelta(weeks=weeks_ago)
    hunt = stage.runtime.ledger.hunts.open(Hunt(name, at, systems=len(minutes)))
    for number, took in enumerate(minutes):
        state = CaptureState.FAILED if took is None else CaptureState.PROCESSED
        ended = at + timedelta(minutes=took or 600)
        stage.runtime.ledger.captures.plan(
            Capture(hunt.id, system(number), state, mode, requested_at=at, ended_at=ended)
        )


def times(stage: Stage, *wanted: tuple[Kind, str]) -> CaptureTimes:
    return observe(stage.runtime.ledger, "weekly", ["nightly"], wanted)


def test_a_system_takes_as_long_as_the_last_time_and_others_as_long_as_all_on_average(stage):
    run(stage, "weekly", 2, 30, 40, 50)
    run(stage, "weekly", 1, 60, None)
    known = times(stage, FULL)
    assert known.elapsed(system(0), "full") == Range.exactly(3_600)
    assert known.elapsed(system(1), "full") == Range.exactly(40 * 60)  # a failure says nothing
    assert known.elapsed(system(9), "full").likely == pytest.approx(45 * 60)
    assert known.count([FULL]) == 4


def test_without_any_experience_the_times_are_assumed(stage):
    known = times(stage, FULL)
    assert known.working(system(0), "full") == assumed(FULL) == Range(1_200, 3_600, 14_400)
    assert known.working(system(0), "triage") == assumed((Kind.LAMBDA, "full"))


def test_other_hunts_count_for_what_this_hunt_has_never_captured(stage):
    run(stage, "weekly", 1, 60, 60)
    run(stage, "nightly", 1, 5, 7, mode="triage")
    run(stage, "nightly", 2, 300, 300)
    known = times(stage, FULL, TRIAGE)
    assert known.elapsed(system(9), "triage").likely == pytest.approx(360)
    assert known.elapsed(system(9), "full").likely == pytest.approx(3_600)


def pipeline(id: int, *, began: float, by: int | None = None, started: float | None = None) -> Pipeline:
    made, begun = int(began * 1_000), None if started is None else int(started * 1_000)
    return Pipeline(id, "processing", "", "complete", 1, None, by, made, "", started_ms=begun)


def test_the_time_of_workers_is_that_of_every_pipeline():
    begins = SUNDAY.timestamp()
    own = pipeline(1, began=begins, started=begins + 100)  # it waited for a worker
    parts = [pipeline(n, began=begins + 1_000, by=1, started=begins + 1_000 + n) for n in (2, 3)]
    now = SUNDAY + timedelta(seconds=3_000)
    assert worker_seconds([own], parts, now) == pytest.approx(900 + 1_998 + 1_997)
    assert worker_seconds([own], [], now) == pytest.approx(2_900)
    assert worker_seconds([replace(own, created_ms=None, started_ms=None)], parts, now) is None
    assert worker_seconds([], [], now) is None
