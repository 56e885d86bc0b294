"""A hunt is stopped, and a hunt's failed captures are asked for again."""

from __future__ import annotations

import pytest

from receiver.messages.compose import compose
from scheduler.stop import NotPossible, stop_hunt
from scheduler.worker import captures_handler
from shared.models.alarms import Alarm
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.hunts import HuntState
from shared.models.severity import Severity
from shared.queues.worker import settle
from tests.scheduler.staging import BAD, BROKEN, QUIET, SUNDAY

PLANNED, REQUESTED, RUNNING = CaptureState.PLANNED, CaptureState.REQUESTED, CaptureState.RUNNING
PROCESSED, FAILED, UNKNOWN = CaptureState.PROCESSED, CaptureState.FAILED, CaptureState.UNKNOWN
ID = "weekly@2026-11-29T02:00:00Z"
WHY = "the hunt was stopped by Jane"


def stop(stage, **how):
    return stop_hunt(stage.runtime, ID, by="Jane", **how)


def patched(stage):
    return [request.path for request in stage.platform.requests if request.method == "PATCH"]


def begun(make_stage):
    """Two systems, of which one waits for its turn until the other one has ended."""
    stage = make_stage((QUIET, BAD), hunt={"max_in_flight": 1})
    stage.start()
    stage.work()
    assert sorted(stage.states()) == [PLANNED, REQUESTED]
    return stage


def test_nothing_new_is_asked_for_and_what_runs_goes_on(make_stage):
    stage = begun(make_stage)
    stopped = stop(stage)
    assert (stopped.not_asked, stopped.going_on, stopped.cancelled, stopped.problems) == (1, 1, 0, ())
    assert stage.hunt().state is HuntState.RUNNING
    stage.run_to_end()
    assert (stage.hunt().state, stage.hunt().reason) == (HuntState.STOPPED, WHY)
    assert {c.state: c.reason for c in stage.captures().values()} == {PROCESSED: "", FAILED: WHY}
    assert sum(stage.platform.asked.values()) == 1
    assert patched(stage) == []
    (event,) = stage.events()  # and none for each system that was not asked for
    assert event.kind == HUNT_FINISHED
    message = compose(Alarm(event, Severity.INFO))
    assert message.title == "Hunt weekly was stopped: 1 captured, 1 failed, 1 with alarms"
    assert message.quote == WHY


def test_what_runs_on_the_platform_is_cancelled(make_stage):
    stage = begun(make_stage)
    stopped = stop(stage, cancel=True)
    assert (stopped.not_asked, stopped.going_on, stopped.cancelled, stopped.problems) == (1, 0, 1, ())
    assert len(patched(stage)) == 1
    assert [p.state for p in stage.platform.world.pipelines.values()] == ["cancelled"]
    stage.run_to_end()
    assert stage.hunt().state is HuntState.STOPPED
    assert [c.reason for c in stage.captures().values()] == [WHY, WHY]
    assert [event.kind for event in stage.events()] == [HUNT_FINISHED]


def test_the_processing_that_an_acquisition_started_is_cancelled_with_it(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    stage.work()
    while not any(p.triggered_by for p in stage.platform.world.pipelines.values()):
        stage.platform.tick()
    stage.follow()
    assert stop(stage, cancel=True).cancelled == 1
    assert {p.state for p in stage.platform.world.pipelines.values()} == {"complete", "cancelled"}


def test_a_capture_that_the_platform_has_not_answered_is_found_by_its_name(make_stage):
    stage = make_stage((QUIET,))
    stage.platform.fault("POST", "/import/aws/ec2", "reset")  # after it was carried out
    stage.start()
    stage.work()
    assert stage.states() == [UNKNOWN]
    stopped = stop(stage, cancel=True)
    assert stopped.cancelled + stopped.going_on == 1
    stage.forward(3600)
    stage.run_to_end()
    assert stage.hunt().state is HuntState.STOPPED
    assert stage.platform.asked.get(QUIET.instance_id, 0) <= 1  # not asked for again


def test_what_could_not_be_cancelled_is_named(make_stage):
    stage = begun(make_stage)
    stage.platform.fault("PATCH", "/pipelines/.*", 403, times=None)
    stopped = stop(stage, cancel=True)
    assert (stopped.cancelled, stopped.going_on) == (0, 1)
    (problem,) = stopped.problems
    assert "pipeline 301 could not be cancelled: The role of the API key may not do this" in problem


def test_without_the_key_nothing_is_stopped_half(make_stage):
    stage = begun(make_stage)
    stage.runtime.secrets._environ = {}
    with pytest.raises(Exception, match="env:KEY"):
        stop(stage, cancel=True)
    assert stage.hunt().stopped_by == ""


def test_a_hunt_whose_project_is_not_open_ends_at_once(make_stage):
    stage = make_stage((QUIET, BAD))
    stage.start()
    stopped = stop(stage, cancel=True)
    assert (stopped.hunt.state, stopped.not_asked) == (HuntState.STOPPED, 2)
    stage.work()
    assert stage.platform.world.projects == {}
    with pytest.raises(NotPossible, match="is over: stopped"):
        stop(stage)
    assert stage.start(SUNDAY).state is HuntState.STOPPED  # the same run again starts nothing


def test_an_item_that_is_on_its_way_asks_for_nothing(make_stage):
    stage = make_stage((QUIET,))
    stage.start()
    (opening,) = stage.runtime.captures.claim(lease=60)
    settle(stage.runtime.captures, opening, captures_handler(stage.runtime)(opening))
    stage.runtime.ledger.hunts.change(ID, lambda hunt: hunt.stopped("Jane"))  # and a crash before the rest
    stage.work()
    stage.run_to_end()
    assert stage.platform.asked == {}
    assert stage.hunt().state is HuntState.STOPPED


def test_what_a_crash_left_waiting_ends_with_the_hunt_outside_its_window_too(make_stage):
    stage = make_stage((QUIET,), hunt={"window": "05:00-06:00"})
    stage.start()
    stage.work()
    stage.runtime.ledger.hunts.change(ID, lambda hunt: hunt.stopped("Jane"))
    stage.follow()
    assert stage.hunt().state is HuntState.STOPPED


def test_a_failed_capture_of_a_stopped_hunt_is_not_repeated(make_stage):
    stage = make_stage((BROKEN,), hunt={"retries": 3})
    stage.start()
    stage.work()
    stop(stage)
    stage.run_to_end()
    assert stage.platform.asked == {BROKEN.instance_id: 1}


def test_there_is_no_such_hunt(stage):
    with pytest.raises(KeyError):
        stop(stage)
