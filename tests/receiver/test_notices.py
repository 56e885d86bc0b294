"""Nothing ends in silence: what is dead is told on another destination, once an hour, with how many."""

from __future__ import annotations

import itertools

import pytest

from receiver.destinations import Rejected
from shared.queues import MAX_SURPRISES, work

GONE = Rejected("the webhook is gone or its URL is mistyped: make a new webhook (no_service)")


def receive(stage, number):
    return stage.receive(b'{"message": "%d alarms in project id 3"}' % number)


def notices(tool):
    return [message for message in tool.sent if message.kind == "undelivered"]


def test_what_a_person_reads(stage):
    stage.soc.outcomes = [GONE]
    receive(stage, 1)
    stage.run()
    (notice,) = notices(stage.office)
    assert notice.title == "1 message could not be delivered to soc"
    assert notice.summary == (
        "Nothing is lost: `huntbridge dead list` shows what is kept, and "
        "`huntbridge dead retry --destination soc` tries it again once the cause is gone."
    )
    assert notice.quote == GONE.reason
    assert notices(stage.soc) == []


def test_at_most_once_an_hour_with_how_many(stage):
    stage.soc.outcomes = [GONE] * 12
    for number in range(1, 12):
        receive(stage, number)
        stage.run()
        stage.forward(60)
    assert [notice.title for notice in notices(stage.office)] == ["1 message could not be delivered to soc"]
    stage.forward(49 * 60)
    stage.run()
    assert [notice.title for notice in notices(stage.office)][1:] == [
        "10 messages could not be delivered to soc"
    ]
    stage.forward(86_400)
    stage.run()
    assert len(notices(stage.office)) == 2
    receive(stage, 12)
    stage.run()
    assert notices(stage.office)[2].title == "1 message could not be delivered to soc"
    assert stage.living() == 0


def test_each_destination_is_told_of_on_its_own(stage):
    stage.soc.outcomes, stage.office.outcomes = [GONE], [GONE]
    receive(stage, 1)
    stage.run()
    assert [notice.title for notice in notices(stage.office)] == ["1 message could not be delivered to soc"]
    assert [notice.title for notice in notices(stage.soc)] == ["1 message could not be delivered to office"]


def test_the_fallback_can_be_chosen(make_stage):
    stage = make_stage(delivery={"fallback": "soc"})
    stage.office.outcomes = [GONE]
    receive(stage, 1)
    stage.run()
    assert len(notices(stage.soc)) == 1


def test_when_the_fallback_is_gone_as_well_it_ends_there(stage):
    stage.soc.outcomes, stage.office.outcomes = [GONE] * 50, [GONE] * 50
    receive(stage, 1)
    stage.run_all(step=60)
    assert (len(stage.soc.sent), len(stage.office.sent)) == (2, 2)  # the alarm, and a notice
    assert stage.runtime.deliveries.depth().dead == len(stage.soc.sent) + len(stage.office.sent)


def test_an_event_that_cannot_be_worked_is_told_too(stage, caplog):
    stage.runtime.events.put(b"no item of huntbridge")
    for _ in range(MAX_SURPRISES):
        stage.run()
        stage.forward(400)
    stage.run()
    assert stage.runtime.events.depth().dead == 1
    (notice,) = notices(stage.soc)
    assert notice.title == "1 item of the queue events could not be worked"
    assert "`huntbridge dead retry --all`" in notice.summary


@pytest.mark.parametrize("writes_before_the_crash", range(9))
def test_a_crash_on_the_way_does_not_make_it_silent(stage, monkeypatch, writes_before_the_crash):
    stage.soc.outcomes = [GONE] * 3
    receive(stage, 1)
    work(stage.runtime.events, stage.work.event, lease=60)
    writes, real = itertools.count(), stage.database.write

    def write(change, **durable):
        if next(writes) == writes_before_the_crash:
            raise KeyboardInterrupt
        return real(change, **durable)

    monkeypatch.setattr(stage.database, "write", write)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    monkeypatch.setattr(stage.database, "write", real)
    stage.forward(61)
    stage.run_all(step=61)
    assert len(notices(stage.office)) >= 1
    assert stage.runtime.deliveries.depth().dead == 1


def test_a_clock_that_was_set_back_does_not_silence_the_next_one(stage):
    stage.soc.outcomes = [GONE] * 2
    receive(stage, 1)
    stage.run()
    stage.forward(-86_400 * 365)
    receive(stage, 2)
    stage.run()
    assert len(notices(stage.office)) == 2
