"""A hunt is stopped, and a hunt's failed captures are asked for again."""

from __future__ import annotations

import pytest

from demo.platform.records import SimInstance, SimVolume
from receiver.messages.compose import compose
from scheduler.retry import retry_failed
from scheduler.stop import NotPossible, stop_hunt
from scheduler.worker import captures_handler
from shared.models.alarms import Alarm
from shared.models.captures import CaptureState
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED
from shared.models.hunts import HuntState
from shared.models.severity import Severity
from shared.queues.worker import settle
from tests.scheduler.staging import BAD, BROKEN, KEY, QUIET, SUNDAY

PLANNED, REQUESTED, RUNNING = CaptureState.PLANNED, CaptureState.REQUESTED, CaptureState.RUNNING
PROCESSED, FAILED, UNKNOWN = CaptureState.PROCESSED, CaptureState.FAILED, CaptureState.UNKNOWN
ID = "weekly@2026-11-29T02:00:00Z"
WHY = "the hunt was stopped by Jane"


def stop(stage, **how):
    return stop_hunt(stage.runtime, ID, by="Jane", **how)


def retry(stage):
    return retry_failed(stage.runtime, ID, by="Jane", retry_for=600)


def end(stage):
    """Work, follow and let the platform go on until nothing changes."""
    for _ in range(4):
        stage.work()
        stage.run_platform()
        stage.follow()
        stage.forward(60)


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
    end(stage)
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
    end(stage)
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
    end(stage)
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
    end(stage)
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
    end(stage)
    assert stage.platform.asked == {BROKEN.instance_id: 1}


def test_there_is_no_such_hunt(stage):
    for change in (stop, retry):
        with pytest.raises(KeyError):
            change(stage)


# Once more


def test_what_failed_is_asked_for_again_in_the_same_project(stage):
    stage.start()
    end(stage)
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.states().count(FAILED) == 1
    stage.platform.world.fleet["Default", BROKEN.region, BROKEN.instance_id] = SimInstance(
        BROKEN.instance_id, "mended", "us-east-1", volumes=(SimVolume("vol-0000000c1"),)
    )
    first = stage.events()
    retried = retry(stage)
    assert (retried.again, retried.same_project, retried.hunt.state) == (1, True, HuntState.RUNNING)
    end(stage)
    assert stage.platform.asked == {QUIET.instance_id: 1, BAD.instance_id: 1, BROKEN.instance_id: 2}
    assert len(stage.platform.world.projects) == 1
    assert (stage.hunt().state, stage.states()) == (HuntState.FINISHED, [PROCESSED] * 3)
    assert stage.hunt().trigger.endswith("; again by Jane")
    (event,) = stage.events()
    assert event.id not in {one.id for one in first}
    assert (event.report.captured, event.report.failed) == (3, 0)
    assert retry(stage).again == 0


def test_the_second_failure_is_told_as_well(make_stage):
    stage = make_stage((BROKEN,))
    stage.start()
    end(stage)
    retry(stage)
    end(stage)
    failed = [event.id for event in stage.events() if event.kind == CAPTURE_FAILED]
    assert len(set(failed)) == 2


def test_a_project_that_is_gone_is_opened_anew(make_stage):
    stage = make_stage((BROKEN,))
    stage.start()
    end(stage)
    stage.platform.world.projects.clear()
    retried = retry(stage)
    assert (retried.again, retried.same_project) == (1, False)
    end(stage)
    assert len(stage.platform.world.projects) == 1
    assert stage.platform.asked == {BROKEN.instance_id: 2}


def test_while_another_hunt_of_its_name_is_under_way_it_waits(make_stage):
    stage = make_stage((BROKEN,))
    stage.start()
    end(stage)
    stage.start(SUNDAY.replace(hour=5))
    with pytest.raises(NotPossible, match="weekly@2026-11-29T05:00:00Z is under way"):
        retry(stage)


# What a hunt came to


def test_one_wrong_key_is_one_sentence(make_stage):
    machines = tuple(SimInstance(f"i-0aaaaaaaaaaaaa{n:03}", f"m{n}", "us-east-1") for n in range(12))
    stage = make_stage(machines)
    stage.start()
    (opening,) = stage.runtime.captures.claim(lease=60)
    settle(stage.runtime.captures, opening, captures_handler(stage.runtime)(opening))
    stage.platform.fault("*", ".*", 401, times=None)
    for _ in range(3):  # not all of them are asked for at once
        stage.work()
        stage.follow()
    assert stage.hunt().state is HuntState.EMPTY
    events = stage.events()
    assert len({event.id for event in events}) == 2  # one failed capture stands for all of them
    message = compose(Alarm(events[-1], Severity.UNKNOWN))
    assert message.title.startswith(
        "Hunt weekly failed: nothing was captured: The platform refused the API key"
    )
    (line,) = message.lines
    assert line.startswith("12 systems failed: The platform refused the API key")
    assert machines[0].instance_id in line
    assert "and 2 more" in line
    assert message.lines_total == 1


def test_systems_with_alarms_keep_their_lines(stage):
    stage.start()
    end(stage)
    message = compose(Alarm(stage.events()[-1], Severity.MALICIOUS))
    assert message.title == "Hunt weekly finished: 2 captured, 1 failed, 1 with alarms"
    assert len(message.lines) == 3
    assert stage.runtime.ledger.hunts.last_finished(()) == stage.hunt().finished_at


def test_a_hunt_that_captured_nothing_is_no_finished_one(make_stage):
    stage = make_stage((BROKEN,))
    before = stage.runtime.ledger.hunts.last_finished(())
    stage.start()
    end(stage)
    assert stage.hunt().state is HuntState.EMPTY
    assert "Snapshot failed" in stage.hunt().reason
    assert stage.runtime.ledger.hunts.last_finished(()) == before
    assert KEY not in stage.hunt().reason
