"""What a person asks of hunts, on a real ledger with the simulated platform."""

from __future__ import annotations

import pytest

from scheduler import by_hand
from scheduler.by_hand import NotPossible, Person
from shared.models.hunts import HuntState
from shared.storage import audit
from tests.scheduler.staging import BAD, QUIET, SUNDAY

MARA = Person("mara", "the console")


def test_a_run_that_is_asked_for_starts_even_on_a_date_that_the_schedule_skips(make_stage):
    stage = make_stage(
        fleet=(QUIET, BAD),
        hunt={"schedule": "cron(0 2 ? * SUN *)", "skip_dates": [SUNDAY.date().isoformat()]},
    )
    asked = by_hand.ask_for_run(stage.runtime, "weekly", SUNDAY, MARA)
    by_hand.ask_for_run(stage.runtime, "weekly", SUNDAY, MARA)  # the same form, sent twice
    stage.run_to_end()
    assert stage.hunt().id == asked.id
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.hunt().trigger == "hunt run by mara at the console"
    assert {capture.attempt for capture in stage.captures().values()} == {1}
    (entry,) = audit.newest(stage.runtime.store, stage.now())
    assert (entry.action, entry.by, entry.origin, entry.about) == (
        "hunt run",
        "mara",
        "the console",
        asked.id,
    )


def test_no_run_is_asked_for_while_another_is_under_way(stage):
    running = stage.start()
    with pytest.raises(NotPossible, match=f"{running.id} is under way"):
        by_hand.ask_for_run(stage.runtime, "weekly", SUNDAY.replace(hour=5), MARA)
    assert list(audit.newest(stage.runtime.store, stage.now())) == []


def test_a_hunt_that_is_not_configured_is_not_asked_for(stage):
    with pytest.raises(KeyError):
        by_hand.ask_for_run(stage.runtime, "nightly", SUNDAY, MARA)


def test_stop_and_retry_are_written_down(stage):
    hunt = stage.start()
    stage.work()
    stopped = by_hand.stop(stage.runtime, hunt, MARA, cancel=True)
    assert stopped.hunt.stopped_by == "mara at the console"
    stage.run_to_end()
    assert stage.hunt().state is HuntState.STOPPED
    retried = by_hand.retry(stage.runtime, stage.hunt(), MARA, retry_for=60)
    assert retried.again == 3
    actions = [entry.action for entry in audit.newest(stage.runtime.store, stage.now())]
    assert sorted(actions) == ["hunt run", "hunt stop"]


def test_there_is_nothing_to_retry_in_a_hunt_without_failures(make_stage):
    stage = make_stage(fleet=(QUIET,))
    stage.start()
    stage.run_to_end()
    with pytest.raises(NotPossible, match="nothing failed"):
        by_hand.retry(stage.runtime, stage.hunt(), MARA, retry_for=60)
