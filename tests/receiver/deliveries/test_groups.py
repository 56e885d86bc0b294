"""Alarms of one system that come close together are one message, where a message cannot be edited."""

from __future__ import annotations

import itertools
import threading

import pytest

from cli.events import delivered_in_words
from receiver.destinations.contract import Rejected, Retry, Traits
from receiver.messages.message import Message
from shared.models.deliveries import DeliveryState
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import Instance
from shared.queues.worker import work
from tests.receiver.conftest import Tool


class Channel(Tool):
    """A channel whose messages cannot be edited."""

    @property
    def traits(self) -> Traits:
        return Traits(gathers=True)


@pytest.fixture
def make_hall(make_stage):
    """`soc` is such a channel, and `office` is not."""

    def make(**settings):
        stage = make_stage(**settings)
        stage.soc = stage.tools["soc"] = Channel("soc")
        stage.work = stage.worker()
        return stage

    return make


@pytest.fixture
def hall(make_hall):
    return make_hall()


def suspicious(stage, evidence, count=2):
    text = b"%d suspicious severity events detected in project id 3 evidence id %d."
    return stage.receive(text % (count, evidence))


def malicious(stage, evidence, count=5):
    return stage.receive(
        b"%d high severity alarms detected in project id 3 evidence id %d." % (count, evidence)
    )


def run_for(stage, seconds):
    for _ in range(seconds):
        stage.run()
        stage.forward(1)
    stage.run()


def told(stage):
    """For each message, its title without the place, and the evidences that it names."""
    return [(m.title.split(" on ")[0], evidences(m)) for m in stage.soc.sent]


def evidences(message: Message) -> list[int]:
    named = [fact.value for fact in message.facts if fact.label.startswith("Evidence")]
    return [int(value.split(":")[0].split(" (")[0].removeprefix("id ")) for value in named]


def state(stage, id, name="soc"):
    return stage.runtime.ledger.deliveries.get(id, name)


def test_the_disks_of_a_machine_are_one_message_when_the_wait_is_over(hall):
    ids = [suspicious(hall, 4)]
    run_for(hall, 10)
    ids += [suspicious(hall, 5, count=3), suspicious(hall, 6, count=1)]
    run_for(hall, 19)
    assert hall.soc.sent == []
    assert [m.id for m in hall.office.sent] == ids  # elsewhere nothing waits
    run_for(hall, 1)
    (message,) = hall.soc.sent
    assert message.title == "6 suspicious events on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert [(fact.label, fact.value) for fact in message.facts if "Evidence" in fact.label] == [
        ("Evidence", f"id 4: 2 suspicious (event {ids[0]})"),
        ("Evidence", f"id 5: 3 suspicious (event {ids[1]})"),
        ("Evidence", f"id 6: 1 suspicious (event {ids[2]})"),
    ]
    assert message.id == ids[0]
    hall.run_all()
    assert len(hall.soc.sent) == 1
    assert [state(hall, id).state for id in ids] == [DeliveryState.DELIVERED] * 3
    assert [state(hall, id).told_by for id in ids] == ["", ids[0], ids[0]]
    assert state(hall, ids[0]).covers == (ids[1], ids[2])
    rows = [row for id in ids for row in hall.runtime.queries.events.get(id).deliveries]
    said = [delivered_in_words(row).split(": ", 1)[1] for row in rows if row.destination == "soc"]
    assert said == [
        f"in one message with 2 more events of its system: {ids[1]}, {ids[2]}",
        *[f"in the message of event {ids[0]}"] * 2,
    ]


def test_an_alarm_that_stays_alone_is_told_as_ever(hall):
    id = suspicious(hall, 4)
    hall.run_all()
    (message,) = hall.soc.sent
    assert (message.id, evidences(message)) == (id, [4])
    assert hall.moment.second == 31


def test_a_malicious_alarm_waits_five_seconds_and_takes_the_waiting_ones_with_it(hall):
    suspicious(hall, 4)
    run_for(hall, 10)
    malicious(hall, 5)
    run_for(hall, 4)
    assert hall.soc.sent == []
    run_for(hall, 1)
    assert told(hall) == [("5 malicious, 2 suspicious", [4, 5])]
    assert hall.soc.sent[0].severity is Severity.MALICIOUS
    hall.run_all()
    assert len(hall.soc.sent) == 1


def test_a_suspicious_alarm_does_not_make_a_malicious_one_wait(hall):
    malicious(hall, 5)
    run_for(hall, 4)
    suspicious(hall, 4)
    run_for(hall, 1)
    assert told(hall) == [("5 malicious, 2 suspicious", [5, 4])]
    late = suspicious(hall, 6)
    run_for(hall, 29)
    assert len(hall.soc.sent) == 1
    run_for(hall, 1)
    assert hall.soc.sent[1].id == late


def test_another_system_and_events_of_huntbridge_do_not_wait_for_it(hall):
    suspicious(hall, 4)
    run_for(hall, 20)
    hall.enricher.instance = Instance("i-0bbbbbbbbbbbbbbb2", "us-east-1", name="db-01")
    other = malicious(hall, 5)
    hall.raise_event(Event("hunt_finished:weekly", HUNT_FINISHED, hall.moment, hunt_id="weekly"))
    run_for(hall, 5)
    assert [m.id for m in hall.soc.sent] == [other]
    run_for(hall, 5)
    assert told(hall)[1] == ("2 suspicious events", [4])


def test_an_alarm_without_a_system_is_told_at_once(hall):
    hall.enricher.instance = None
    ids = [suspicious(hall, 4), suspicious(hall, 5)]
    hall.run()
    assert [m.id for m in hall.soc.sent] == ids


def test_an_update_of_what_was_told_is_told_at_once_as_an_update(hall):
    suspicious(hall, 4)
    hall.run_all()
    suspicious(hall, 4, count=9)
    hall.run()
    assert [title for title, _ in told(hall)] == ["2 suspicious events", "Update: 9 suspicious events"]


def test_an_update_of_what_still_waits_replaces_it(hall):
    suspicious(hall, 4)
    hall.run()
    suspicious(hall, 4, count=9)
    hall.run_all()
    assert told(hall) == [("9 suspicious events", [4])]


def test_without_a_wait_each_alarm_has_its_own_message(make_hall):
    hall = make_hall(delivery={"group_wait": 0})
    ids = [suspicious(hall, 4), suspicious(hall, 5)]
    hall.run()
    assert [m.id for m in hall.soc.sent] == ids


def test_a_group_has_an_end(hall):
    ids = [suspicious(hall, evidence) for evidence in range(1, 46)]
    hall.run_all()
    assert [len(evidences(message)) for message in hall.soc.sent] == [20, 20, 5]
    assert {state(hall, id).state for id in ids} == {DeliveryState.DELIVERED}


def test_a_group_that_is_refused_is_kept_whole_and_told_whole(hall):
    ids = [suspicious(hall, 4), suspicious(hall, 5)]
    hall.soc.outcomes = [Rejected("no_service")] * 2
    hall.run_all()
    dead = hall.runtime.deliveries.dead_items()
    assert {item.id for item in dead} == {f"{id}:soc" for id in ids}
    hall.runtime.deliveries.revive([item.id for item in dead])
    hall.run_all()
    assert evidences(hall.soc.sent[-1]) == [4, 5]
    assert len(hall.soc.sent) == 3
    assert {state(hall, id).state for id in ids} == {DeliveryState.DELIVERED}


def test_a_group_without_an_answer_says_that_it_may_be_a_repeat(hall):
    suspicious(hall, 4)
    suspicious(hall, 5)
    hall.soc.outcomes = [Retry("no answer", ambiguous=True)]
    hall.run_all()
    assert [(evidences(m), m.maybe_repeat) for m in hall.soc.sent] == [([4, 5], False), ([4, 5], True)]


def test_a_group_whose_turn_is_too_far_away_goes_into_a_digest_alarm_by_alarm(make_hall):
    slow = {"type": "slack", "webhook_url": "env:A", "pace": 1 / 60}
    hall = make_hall(destinations={"soc": slow, "office": slow}, default=["soc"])
    ids = []
    for number in range(24):
        hall.enricher.instance = Instance(f"i-0aaaaaaaaaaaaaa{number:02}", "us-east-1")
        for disk in range(2):
            ids.append(suspicious(hall, 100 + 2 * number + disk))
            while work(hall.runtime.events, hall.work.event, lease=60):
                pass
    hall.run_all(step=10)
    digests = [m for m in hall.soc.sent if m.kind == "digest"]
    assert digests
    named = [evidence for m in hall.soc.sent for evidence in evidences(m)]
    in_digest = [id for id in ids if state(hall, id).ref.startswith("digest-")]
    assert len(named) + len(in_digest) == len(set(named)) + len(in_digest) == len(ids)
    assert sum(int(m.title.split()[0]) for m in digests) == len(in_digest)
    assert {state(hall, id).state for id in ids} == {DeliveryState.DELIVERED}


@pytest.mark.parametrize("every", range(1, 24))
def test_a_worker_that_dies_at_any_write_loses_and_repeats_nothing(hall, monkeypatch, every):
    """A worker dies before the write with this number, and before each of the same number after that."""
    ids = [suspicious(hall, 4), malicious(hall, 5), suspicious(hall, 6)]
    while work(hall.runtime.events, hall.work.event, lease=60):
        pass
    writes, real = itertools.count(1), hall.database.write

    def write(change, **durable):
        if next(writes) % (every + 7) == every:
            raise KeyboardInterrupt
        return real(change, **durable)

    monkeypatch.setattr(hall.database, "write", write)
    while hall.living():
        try:
            hall.run()
        except KeyboardInterrupt:
            hall.work = hall.worker()
        hall.forward(5)
    assert {state(hall, id).state for id in ids} == {DeliveryState.DELIVERED}
    unmarked = [evidence for m in hall.soc.sent if not m.maybe_repeat for evidence in evidences(m)]
    assert sorted(unmarked) == [4, 5, 6]


def test_many_workers_at_once_tell_each_alarm_once(hall):
    ids = [suspicious(hall, evidence) for evidence in range(1, 31)]
    while work(hall.runtime.events, hall.work.event, lease=60):
        pass
    workers = [hall.worker() for _ in range(6)]

    def drain(worker):
        while work(hall.runtime.deliveries, worker.delivery, lease=600):
            pass

    for _ in range(4):
        threads = [threading.Thread(target=drain, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        hall.forward(30)
    hall.run_all()
    assert sorted(evidence for m in hall.soc.sent for evidence in evidences(m)) == list(range(1, 31))
    assert {state(hall, id).state for id in ids} == {DeliveryState.DELIVERED}
    assert len(hall.soc.sent) < 10
