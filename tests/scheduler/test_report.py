"""The report of a hunt, and what a hunt without captures is."""

from __future__ import annotations

from demo.platform.records import SimInstance
from receiver.messages.compose import compose
from scheduler.worker import captures_handler
from shared.models.alarms import Alarm
from shared.models.hunts import HuntState
from shared.models.severity import Severity
from shared.queues.worker import settle
from tests.scheduler.staging import BROKEN, KEY


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
    assert line.text.startswith("12 systems failed: The platform refused the API key")
    assert machines[0].instance_id in line.text
    assert "and 2 more" in line.text
    assert (line.systems, message.lines_total) == (12, 12)


def test_systems_with_alarms_keep_their_lines(stage):
    stage.start()
    stage.run_to_end()
    message = compose(Alarm(stage.events()[-1], Severity.MALICIOUS))
    assert message.title == "Hunt weekly finished: 2 captured, 1 failed, 1 with alarms"
    assert len(message.lines) == 3
    assert stage.runtime.ledger.hunts.last_finished(()) == stage.hunt().finished_at


def test_a_hunt_that_captured_nothing_is_no_finished_one(make_stage):
    stage = make_stage((BROKEN,))
    before = stage.runtime.ledger.hunts.last_finished(())
    stage.start()
    stage.run_to_end()
    assert stage.hunt().state is HuntState.EMPTY
    assert "Snapshot failed" in stage.hunt().reason
    assert stage.runtime.ledger.hunts.last_finished(()) == before
    assert KEY not in stage.hunt().reason
