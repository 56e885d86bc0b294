"""A hunt that should have started and did not is told once, by whatever runs next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from receiver.messages.compose import compose
from scheduler.missed import check_schedules
from scheduler.triggers import on_schedule
from shared.failures import SomeFailed
from shared.models.alarms import Alarm
from shared.models.event_kinds import HUNT_MISSED
from shared.models.severity import Severity
from shared.storage.ports import StoreError
from tests.scheduler.staging import QUIET


@pytest.fixture
def make(make_stage):
    def stage(**hunt):
        made = make_stage((QUIET,), hunt=hunt)
        made.moment = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
        look(made)
        return made

    return stage


def look(stage):
    check_schedules(stage.runtime, lambda name, due: on_schedule(stage.runtime, name, due))


def told(stage):
    return [event.hunt_id for event in stage.events() if event.kind == HUNT_MISSED]


def test_a_run_that_nothing_started_is_told_once_when_it_can_no_longer_start(make):
    stage = make(schedule="cron(0 2 * * ? *)")
    stage.forward(3 * 3600)
    look(stage)
    assert told(stage) == []
    stage.forward(6 * 60)
    look(stage)
    assert told(stage) == ["weekly@2026-11-24T02:00:00Z"]
    stage.forward(3600)
    look(stage)
    assert told(stage) == []


def test_what_ran_is_not_told(make):
    stage = make(schedule="cron(0 2 * * ? *)")
    stage.start(datetime(2026, 11, 24, 2, tzinfo=UTC))
    stage.forward(12 * 3600)
    look(stage)
    assert told(stage) == []


def test_a_hunt_that_was_skipped_was_told_and_is_not_missed_as_well(make):
    stage = make(schedule="cron(0 2 * * ? *)")
    stage.start(datetime(2026, 11, 24, 1, tzinfo=UTC))
    stage.start(datetime(2026, 11, 24, 2, tzinfo=UTC))
    stage.forward(12 * 3600)
    look(stage)
    assert told(stage) == ["weekly@2026-11-24T02:00:00Z"]


def test_of_several_missed_runs_the_last_one_is_told_with_their_number(make):
    stage = make(schedule="cron(0 2 * * ? *)")
    stage.forward(5 * 24 * 3600)
    look(stage)
    (event,) = stage.events()
    assert event.hunt_id == "weekly@2026-11-28T02:00:00Z"
    assert event.text.endswith("4 runs before it were missed as well.")
    message = compose(Alarm(event, Severity.UNKNOWN))
    assert message.title == "Hunt weekly did not run"
    assert message.quote == event.text


def test_a_skipped_date_is_not_missed(make):
    stage = make(schedule="cron(0 2 * * ? *)", skip_dates=["2026-11-24"])
    stage.forward(12 * 3600)
    look(stage)
    assert told(stage) == []


def test_what_was_due_before_the_schedule_was_written_is_not_missed(make):
    stage = make(schedule="cron(0 2 * * ? *)")
    stage.runtime.ledger.notes.save("schedule", "weekly", {"schedule": "rate(1 hour) Etc/UTC"})
    stage.forward(12 * 3600)
    look(stage)
    assert told(stage) == []


def test_a_hunt_that_says_catch_up_is_started_late(make):
    stage = make(schedule="cron(0 2 * * ? *)", catch_up=True)
    stage.forward(3 * 24 * 3600)
    look(stage)
    assert stage.hunt().id == "weekly@2026-11-26T02:00:00Z"
    assert told(stage) == []


@pytest.mark.parametrize(("minutes", "missed"), [(None, ["weekly@2026-11-25T00:00:00Z"]), (17, [])])
def test_a_rate_that_counts_from_another_moment_has_not_missed(make, minutes, missed):
    stage = make(schedule="rate(12 hours)")
    if minutes:
        stage.start(datetime(2026, 11, 24, 12, minutes, tzinfo=UTC))
        stage.work()
        stage.run_platform()
        stage.follow()
        stage.events()
        stage.start(datetime(2026, 11, 24, 0, minutes, tzinfo=UTC))
    stage.forward(25.5 * 3600)
    look(stage)
    assert told(stage) == missed


def rewrite(stage, **hunt):
    """Another definition of the hunt, or none."""
    config = stage.runtime.config
    hunts = dict(config.hunts)
    hunts["weekly"] = hunts["weekly"].model_copy(update=hunt)
    stage.runtime.config = config.model_copy(update={"hunts": hunts})


@pytest.mark.parametrize("catch_up", [False, True])
def test_a_hunt_that_is_put_back_has_missed_nothing_in_between(make, catch_up):
    stage = make(schedule="cron(0 2 * * ? *)", catch_up=catch_up)
    whole = stage.runtime.config
    stage.runtime.config = whole.model_copy(update={"hunts": {}})
    stage.forward(3600)
    look(stage)
    stage.runtime.config = whole
    stage.forward(5 * 3600)
    look(stage)
    assert (told(stage), stage.runtime.ledger.hunts.of_name("weekly")) == ([], [])
    stage.forward(24 * 3600)
    look(stage)
    ran = [hunt.id for hunt in stage.runtime.ledger.hunts.of_name("weekly")]
    assert (ran if catch_up else told(stage)) == ["weekly@2026-11-25T02:00:00Z"]


def test_a_schedule_that_was_edited_has_missed_nothing_before(make):
    stage = make(schedule="cron(0 2 ? * SUN *)")
    stage.forward(20 * 3600)
    rewrite(stage, schedule="cron(0 13 * * ? *)")
    look(stage)
    stage.forward(3600)
    look(stage)
    assert told(stage) == []


def test_what_was_missed_is_told_after_the_clock_was_in_2030(make):
    stage = make(schedule="cron(0 2 * * ? *)")
    stage.moment = datetime(2030, 1, 1, 5, 0, tzinfo=UTC)
    look(stage)
    told(stage)
    stage.moment = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
    look(stage)
    assert told(stage) == ["weekly@2026-11-25T02:00:00Z"]
    stage.forward(24 * 3600)
    look(stage)
    assert told(stage) == ["weekly@2026-11-26T02:00:00Z"]


def test_one_hunt_that_cannot_be_looked_at_costs_no_other(make):
    stage = make(schedule="cron(0 2 * * ? *)", catch_up=True)
    definition = stage.runtime.config.hunts["weekly"]
    hunts = {"broken": definition, "weekly": definition}
    stage.runtime.config = stage.runtime.config.model_copy(update={"hunts": hunts})
    look(stage)

    def start(name, due):
        if name == "broken":
            raise StoreError("the database is locked")
        on_schedule(stage.runtime, name, due)

    stage.forward(12 * 3600)
    with pytest.raises(SomeFailed, match="hunt broken: the database is locked"):
        check_schedules(stage.runtime, start)
    assert len(stage.runtime.ledger.hunts.of_name("weekly")) == 1
    look(stage)
    assert len(stage.runtime.ledger.hunts.of_name("broken")) == 1
