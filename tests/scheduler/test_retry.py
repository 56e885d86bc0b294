"""A hunt whose failed captures are requested again."""

from __future__ import annotations

import pytest

from demo.platform.records import SimInstance, SimVolume
from scheduler.retry import retry_failed
from scheduler.stop import NotPossible
from shared.models.captures import CaptureState
from shared.models.event_kinds import CAPTURE_FAILED
from shared.models.hunts import HuntState
from tests.scheduler.staging import BAD, BROKEN, QUIET, SUNDAY

ID = "weekly@2026-11-29T02:00:00Z"
FAILED, PROCESSED = CaptureState.FAILED, CaptureState.PROCESSED


def retry(stage):
    return retry_failed(stage.runtime, ID, by="Jane", retry_for=600)


def test_what_failed_is_asked_for_again_in_the_same_project(stage):
    stage.start()
    stage.run_to_end()
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.states().count(FAILED) == 1
    stage.platform.world.fleet["Default", BROKEN.region, BROKEN.instance_id] = SimInstance(
        BROKEN.instance_id, "mended", "us-east-1", volumes=(SimVolume("vol-0000000c1"),)
    )
    first = stage.events()
    retried = retry(stage)
    assert (retried.again, retried.same_project, retried.hunt.state) == (1, True, HuntState.RUNNING)
    stage.run_to_end()
    assert stage.platform.asked == {QUIET.instance_id: 1, BAD.instance_id: 1, BROKEN.instance_id: 2}
    assert len(stage.platform.world.projects) == 1
    assert (stage.hunt().state, stage.states()) == (HuntState.FINISHED, [PROCESSED] * 3)
    assert stage.hunt().trigger.endswith("; again by Jane")
    (event,) = stage.events()
    assert event.id not in {earlier.id for earlier in first}
    assert (event.report.captured, event.report.failed) == (3, 0)
    assert retry(stage).again == 0


def test_the_second_failure_is_told_as_well(make_stage):
    stage = make_stage((BROKEN,))
    stage.start()
    stage.run_to_end()
    retry(stage)
    stage.run_to_end()
    failed = [event.id for event in stage.events() if event.kind == CAPTURE_FAILED]
    assert len(set(failed)) == 2


def test_a_project_that_is_gone_is_opened_anew(make_stage):
    stage = make_stage((BROKEN,))
    stage.start()
    stage.run_to_end()
    stage.platform.world.projects.clear()
    retried = retry(stage)
    assert (retried.again, retried.same_project) == (1, False)
    stage.run_to_end()
    assert len(stage.platform.world.projects) == 1
    assert stage.platform.asked == {BROKEN.instance_id: 2}


def test_while_another_hunt_of_its_name_is_under_way_it_waits(make_stage):
    stage = make_stage((BROKEN,))
    stage.start()
    stage.run_to_end()
    stage.start(SUNDAY.replace(hour=5))
    with pytest.raises(NotPossible, match="weekly@2026-11-29T05:00:00Z is under way"):
        retry(stage)


def test_there_is_no_such_hunt(stage):
    with pytest.raises(KeyError):
        retry(stage)
