"""A workflow that is not used for long is switched off, so it is used: once after so many quiet days."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from receiver.destinations.contract import Rejected, Retry
from scheduler.timer import Jobs

DAY = 86_400
GONE = Rejected("the workflow is deleted, switched off or its URL changed")


@pytest.fixture
def quiet(make_stage):
    """A stage on which only `office` is told that huntbridge is alive, and its first look at the clock."""
    stage = make_stage(
        destinations={
            "soc": {"type": "slack", "webhook_url": "env:A"},
            "office": {"type": "teams", "webhook_url": "env:B", "heartbeat_days": 30},
        }
    )
    look(stage)
    return stage


def look(stage):
    stage.runtime.heartbeats.enqueue_due()
    stage.run()


def beats(tool):
    return [message.id for message in tool.sent if message.kind == "heartbeat"]


def test_what_a_person_reads(quiet):
    quiet.forward(30 * DAY)
    look(quiet)
    (message,) = quiet.office.sent
    assert (message.title, message.severity, message.facts, message.links, message.case_key) == (
        *("huntbridge is alive", "info", (), (), ""),
    )
    assert message.summary == (
        "Nothing was sent here for 30 days. There is no alarm, and nothing to do: this keeps the workflow "
        "on, which Microsoft switches off after 90 days without use."
    )
    assert quiet.soc.sent == []


def test_once_in_each_quiet_time(quiet):
    for _ in range(24 * 100):
        quiet.forward(3_600)
        look(quiet)
    assert len(beats(quiet.office)) == len(set(beats(quiet.office))) == 3
    assert quiet.living() == 0


def test_the_timer_looks(quiet):
    quiet.forward(30 * DAY)
    Jobs(quiet.runtime).run_all()
    quiet.run()
    assert len(beats(quiet.office)) == 1


def test_whatever_else_is_delivered_counts(quiet):
    for _ in range(6):
        quiet.forward(29 * DAY)
        quiet.receive(b'{"message": "5 alarms in project id 3"}')
        look(quiet)
    assert (len(quiet.office.sent), beats(quiet.office)) == (6, [])
    quiet.forward(30 * DAY)
    look(quiet)
    assert len(beats(quiet.office)) == 1


def test_what_is_delivered_while_it_is_on_its_way_makes_it_needless(quiet):
    quiet.forward(30 * DAY)
    quiet.runtime.heartbeats.enqueue_due()
    quiet.runtime.heartbeats.delivered("office")
    quiet.run()
    assert beats(quiet.office) == []
    quiet.forward(30 * DAY)
    look(quiet)
    assert len(beats(quiet.office)) == 1


def test_eight_timers_and_workers_at_once_send_one(quiet):
    for _ in range(3):
        quiet.forward(30 * DAY)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: quiet.runtime.heartbeats.enqueue_due(), range(8)))
            list(pool.map(lambda _: quiet.run(), range(8)))
        quiet.run_all()
    assert len(beats(quiet.office)) == len(set(beats(quiet.office))) == 3


@pytest.mark.parametrize("writes_before_the_crash", range(3))
def test_a_crash_on_the_way_neither_loses_nor_repeats_it(quiet, monkeypatch, writes_before_the_crash):
    quiet.forward(30 * DAY)
    writes, real = iter(range(99)), quiet.database.write

    def write(change, **how):
        if next(writes) == writes_before_the_crash:
            raise KeyboardInterrupt
        return real(change, **how)

    monkeypatch.setattr(quiet.database, "write", write)
    with pytest.raises(KeyboardInterrupt):
        look(quiet)
    monkeypatch.setattr(quiet.database, "write", real)
    quiet.forward(61)
    look(quiet)
    quiet.run_all(step=61)
    assert len(beats(quiet.office)) == 1


def test_a_workflow_that_is_off_is_told_of_elsewhere_once_in_that_time(quiet):
    quiet.office.outcomes = [GONE] * 9
    quiet.forward(30 * DAY)
    for _ in range(24 * 29):
        look(quiet)
        quiet.forward(3_600)
    quiet.run_all(step=3_600)
    assert len(beats(quiet.office)) == 1
    (notice,) = quiet.soc.sent
    assert notice.title == "1 message could not be delivered to office"
    assert notice.quote == GONE.reason
    quiet.forward(2 * DAY)
    look(quiet)
    assert len(beats(quiet.office)) == 2


def test_without_an_answer_it_is_tried_again_as_every_message_is(quiet):
    quiet.office.outcomes = [Retry("answered 503"), Retry("no answer", ambiguous=True)]
    quiet.forward(30 * DAY)
    look(quiet)
    quiet.run_all(step=60)
    assert [message.maybe_repeat for message in quiet.office.sent] == [False, False, True]
    assert len(set(beats(quiet.office))) == 1


def test_a_clock_that_was_wrong_delays_it_by_no_more_than_its_time(quiet):
    quiet.forward(3_650 * DAY)
    look(quiet)  # it is said to be quiet since a time that is far ahead
    quiet.forward(-3_650 * DAY)
    look(quiet)
    assert len(beats(quiet.office)) == 2
    quiet.forward(29 * DAY)
    look(quiet)
    assert len(beats(quiet.office)) == 2


def test_by_default_nobody_is_told(stage):
    for _ in range(100):
        stage.forward(DAY)
        look(stage)
    assert (stage.soc.sent, stage.office.sent) == ([], [])
