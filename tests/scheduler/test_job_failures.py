"""A job that fails for an hour is reported once, and once more when it works again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from receiver.events.enrich import Enricher
from receiver.messages.compose import compose
from scheduler.timer import JOBS, Job, Jobs
from shared.models.event_kinds import JOB_FAILING
from shared.storage.ports import StoreError
from tests.scheduler.staging import SUNDAY


class Clock:
    """Rings every five minutes, with one job that may fail."""

    def __init__(self, stage) -> None:
        self.stage, self.failing = stage, {"follow", "recover"}
        self.error = "The platform did not answer"
        self.jobs = [self.job(name) for name in ("follow", "recover")] + [
            next(job for job in JOBS if job.name == "jobs")
        ]

    def job(self, name):
        def run(_):
            if name in self.failing:
                raise StoreError(self.error)

        return Job(name, run, 5)

    def ring(self, minutes):
        for _ in range(minutes // 5):
            self.stage.forward(300)
            for job in self.jobs:
                Jobs(self.stage.runtime).run(job)
        return [event for event in self.stage.events() if event.kind == JOB_FAILING]


def test_what_fails_for_an_hour_is_told_once_and_so_is_its_mending(stage):
    clock = Clock(stage)
    assert clock.ring(60) == []
    (event,) = clock.ring(10)
    assert event.title == "follow, recover"
    assert event.text.splitlines() == [
        f"{name}, since 2026-11-29 02:05 UTC: The platform did not answer" for name in ("follow", "recover")
    ]
    assert clock.ring(180) == []
    clock.failing = set()
    (mended,) = clock.ring(30)
    assert (mended.mended, mended.title) == (True, "follow, recover")
    assert clock.ring(180) == []
    clock.failing = {"follow"}
    (again,) = clock.ring(120)
    assert again.id != event.id


def test_what_fails_now_and_then_is_not_told(stage):
    clock = Clock(stage)
    for _ in range(10):
        clock.failing = {"follow"}
        assert clock.ring(45) == []
        clock.failing = set()
        assert clock.ring(5) == []


def test_a_failure_that_a_wrong_clock_wrote_down_counts_from_now(stage):
    clock = Clock(stage)
    stage.moment = datetime(2030, 1, 1, tzinfo=UTC)
    clock.ring(10)
    stage.moment = SUNDAY
    assert clock.ring(60) == []
    assert len(clock.ring(10)) == 1


@pytest.mark.parametrize(
    ("mended", "title"),
    [
        (False, "huntbridge's own work has failed for long: follow, recover"),
        (True, "huntbridge's own work goes on again: follow, recover"),
    ],
)
def test_what_a_person_reads(stage, mended, title):
    clock = Clock(stage)
    (event,) = clock.ring(75)
    if mended:
        clock.failing = set()
        (event,) = clock.ring(10)
    message = compose(Enricher(stage.runtime.ledger, None, None, stage.runtime.config).enrich(event))
    assert (message.title, message.gaps) == (title, ())
    assert "follow, since 2026-11-29" in message.quote
