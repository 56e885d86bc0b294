"""Nothing ends in silence: what is dead is told on another destination, once an hour, with how many."""

from __future__ import annotations

import itertools
import json

import pytest

from receiver.destinations.contract import Rejected
from shared.models.severity import Severity
from shared.queues.dead_letter_notices import OWN_NOTICES
from shared.queues.worker import MAX_SURPRISES, work

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
        "Nothing is lost. `huntbridge dead list` shows what is kept. When the cause is gone, "
        "`huntbridge dead retry --destination soc` tries again."
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


def malicious(stage, number, evidence=None):
    stage.receive(
        b'{"message": "%d malicious in project id 3, evidence id %d"}' % (number, evidence or number)
    )


def for_a_minute(stage):
    """At the pace of the chats."""
    for _ in range(60):
        stage.run()
        stage.forward(1)


def titles(tool):
    return [notice.title for notice in notices(tool)]


def test_a_malicious_alarm_is_named_where_its_death_is_announced(stage):
    stage.soc.outcomes = [GONE] * 3
    malicious(stage, 3)
    stage.run()
    (notice,) = notices(stage.office)
    assert notice.title == "3 malicious on web-01 (i-0aaaaaaaaaaaaaaa1) could not be sent to soc"
    assert (notice.severity, notice.quote) == (Severity.MALICIOUS, GONE.reason)
    assert "`huntbridge dead retry --destination soc`" in notice.summary
    # Each by itself and at once, also within the hour; the others are counted as ever.
    malicious(stage, 4)
    receive(stage, 1)
    for_a_minute(stage)
    assert titles(stage.office)[1:] == [
        "4 malicious on web-01 (i-0aaaaaaaaaaaaaaa1) could not be sent to soc",
        "1 message could not be delivered to soc",
    ]


def test_malicious_alarms_that_die_in_numbers_are_counted_from_some_point_on(stage):
    stage.soc.outcomes = [GONE] * 30
    for number in range(1, OWN_NOTICES + 6):
        malicious(stage, number)
    receive(stage, 1)
    for_a_minute(stage)
    stage.forward(3_700)
    for_a_minute(stage)
    shown = titles(stage.office)
    assert sum("could not be sent to soc" in title for title in shown) == OWN_NOTICES
    counted = [title for title in shown if "could not be sent" not in title]
    assert sum(int(title.split()[0]) for title in counted) == 6
    assert counted[-1].endswith(" of them malicious")
    malicious(stage, 99)  # an hour later there is room again
    for_a_minute(stage)
    assert titles(stage.office)[-1].startswith("99 malicious on web-01")


def test_a_second_death_of_what_was_tried_again_is_told_again(stage):
    stage.soc.outcomes = [GONE] * 2
    malicious(stage, 3)
    stage.run()
    stage.forward(60)
    stage.runtime.deliveries.revive([dead.id for dead in stage.runtime.deliveries.dead_items()])
    stage.run()
    assert len(stage.soc.sent) == 2
    assert (
        titles(stage.office)
        == [
            "3 malicious on web-01 (i-0aaaaaaaaaaaaaaa1) could not be sent to soc",
        ]
        * 2
    )


def test_a_malicious_event_that_cannot_be_worked_is_named(stage, monkeypatch):
    monkeypatch.setattr(stage.enricher, "enrich", lambda event: 1 / 0)
    malicious(stage, 7)
    for _ in range(MAX_SURPRISES):
        stage.run()
        stage.forward(400)
    stage.run()
    (notice,) = notices(stage.soc)
    assert notice.title == "7 malicious in project 3, evidence 7 could not be sent"


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


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (
            {"event": "high_severity_alarm", "message": "In project id 3."},
            "A malicious alarm in project 3 could not be sent",
        ),
        (
            {"event": "detection_created", "message": {"severity": "high", "instance_id": f"i-{1:017x}"}},
            f"A malicious alarm on i-{1:017x} could not be sent",
        ),
    ],
)
def test_what_is_malicious_by_its_kind_or_its_detection_is_named_too(stage, monkeypatch, body, title):
    def fail(event):
        raise RuntimeError("a fault")

    monkeypatch.setattr(stage.enricher, "enrich", fail)
    stage.receive(json.dumps(body).encode())
    stage.run_all(60)
    (notice,) = stage.soc.sent
    assert (notice.title, notice.severity) == (title, Severity.MALICIOUS)
