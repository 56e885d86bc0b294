"""The way through the queues: what is done once, what is done again, and what is kept."""

from __future__ import annotations

import itertools
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from receiver.deliveries.digest_store import Digests
from receiver.destinations.contract import NEW_CASE, CaseRef, Delivered, Rejected, Retry
from receiver.messages.digest import DigestEntry
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items, leases
from shared.queues.ports import Again, Done
from shared.queues.worker import work
from shared.storage.ledger.case_references import CaseAccess

START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("writes_before_the_cut", range(19))
def test_after_a_power_cut_nothing_is_lost_and_a_repeat_says_so(stage, monkeypatch, writes_before_the_cut):
    id = stage.receive()
    real, on_disk, writes = stage.database.write, sqlite3.connect(":memory:"), itertools.count()
    stage.database._writer.backup(on_disk)

    def write(change, *, durable=True):
        if next(writes) == writes_before_the_cut:
            raise KeyboardInterrupt  # what no handler catches: the machine is off
        result = real(change, durable=durable)
        if durable:
            stage.database._writer.backup(on_disk)
        return result

    monkeypatch.setattr(stage.database, "write", write)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    monkeypatch.setattr(stage.database, "write", real)
    on_disk.backup(stage.database._writer)  # what was not durable is gone
    for _ in range(3):
        stage.run()
        stage.forward(61)
    for tool in (stage.soc, stage.office):
        assert {message.id for message in tool.sent} == {id}
        assert all(message.maybe_repeat for message in tool.sent[1:])
        assert len(tool.sent) <= 2
    assert stage.living() == 0


def test_a_crash_between_sending_and_recording_repeats_the_message_and_says_so(stage):
    stage.soc.outcomes = [KeyboardInterrupt()]  # the process died after the bytes had left
    stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    with pytest.raises(KeyboardInterrupt):
        stage.run()
    stage.run()
    assert len(stage.soc.sent) == 1  # its lease has not run out yet
    stage.forward(61)
    stage.run()
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, True]
    assert [message.maybe_repeat for message in stage.office.sent] == [False]
    assert stage.living() == 0


class Twice:
    """Hands the item that is being delivered to a second worker as well, as SQS may."""

    def __init__(self, stage, tool):
        self.stage, self.tool, self.verdicts = stage, tool, []
        self.second, self.deliver = stage.worker(), tool.deliver

    def __call__(self, message, case):
        self.tool.deliver = self.deliver
        again = replace(self.item, receipt="of the second", claims=2)
        self.verdicts.append(self.second.delivery(again))
        return self.deliver(message, case)


def test_of_two_workers_with_the_same_item_the_second_waits(stage):
    stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    (item, _) = stage.runtime.deliveries.claim(2, lease=60)
    tool = stage.tools[item.id.rpartition(":")[2]]
    tool.deliver = twice = Twice(stage, tool)
    twice.item = item
    assert stage.work.delivery(item) == Done()
    (verdict,) = twice.verdicts
    assert isinstance(verdict, Again)
    assert 0 < verdict.delay <= leases.SENDING
    stage.forward(verdict.delay)
    assert twice.second.delivery(replace(item, claims=3)) == Done()
    assert [message.maybe_repeat for message in tool.sent] == [False]


def test_a_word_for_one_person_that_comes_twice_is_said_once(stage):
    said = []

    def send_ephemeral(to, text):
        said.append(text)
        # As SQS may, while the first worker is at it. The chat has one place in each process.
        assert isinstance(second.delivery(replace(item, receipt="of the second")), Again)
        return Delivered()

    stage.soc.send_ephemeral = send_ephemeral
    second = stage.worker()
    id = stage.runtime.deliveries.put(items.whisper("soc", {"channel": "C", "user": "U"}, "taken already"))
    (item,) = stage.runtime.deliveries.claim(lease=60)
    assert item.id == id
    assert stage.work.delivery(item) == Done()
    assert second.delivery(replace(item, claims=2)) == Done()
    assert said == ["taken already"]


def test_a_digest_that_another_worker_sends_is_waited_for(stage, monkeypatch):
    digests = Digests(stage.runtime.store, stage.runtime.deliveries)
    digest = digests.open("soc")
    digests.add("soc", digest, DigestEntry("e", "case", "5 alarms", Severity.SUSPICIOUS))
    (item,) = stage.runtime.deliveries.claim(lease=60)
    stage.soc.deliver = twice = Twice(stage, stage.soc)
    twice.item = item
    assert stage.work.delivery(item) == Done()
    assert isinstance(twice.verdicts[0], Again)
    assert len(stage.soc.sent) == 1


def test_a_worker_that_died_while_it_sent_is_waited_for_only_as_long_as_it_could_have_sent(stage):
    stage.soc.outcomes = [KeyboardInterrupt()]
    stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    items_ = {item.id.rpartition(":")[2]: item for item in stage.runtime.deliveries.claim(2, lease=60)}
    with pytest.raises(KeyboardInterrupt):
        stage.work.delivery(items_["soc"])
    stage.forward(leases.SENDING - 1)
    assert stage.work.delivery(items_["soc"]) == Again(1.0, "another worker sends it to soc", expected=True)
    stage.forward(-3_600)  # a clock that was set back holds up nothing
    assert stage.work.delivery(items_["soc"]) == Done()
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, True]


def test_a_destination_gets_no_more_time_than_its_lease_has_and_the_ledger_the_rest(stage):
    left = []

    def slow(message, case):
        left.append(remaining(1e9))
        raise DeadlineExceeded

    stage.soc.deliver = slow
    id = stage.receive()
    stage.run()
    assert left[0] <= leases.DELIVERY - leases.MARGIN - leases.RECORDING
    delivery = stage.runtime.ledger.deliveries.get(id, "soc")
    assert (delivery.state, delivery.in_doubt) == ("unsure", True)  # one of its requests may have arrived
    assert delivery.reason == "it took longer than a delivery may"
    assert stage.runtime.deliveries.depth().dead == 0


def test_a_delivery_with_too_little_time_left_is_not_begun_and_so_not_in_doubt(stage):
    stage.soc.thread = True
    id = stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    for item in stage.runtime.deliveries.claim(2, lease=60):
        with within(leases.RECORDING + leases.SHORTEST_SEND - 1):
            verdict = stage.work.delivery(item)
        assert isinstance(verdict, Again)
        assert stage.runtime.ledger.deliveries.get(id, item.id.rpartition(":")[2]).state == "pending"
        assert stage.work.delivery(item) == Done()  # and at once when there is time again
    assert [message.maybe_repeat for message in stage.soc.sent + stage.office.sent] == [False, False]


def test_a_destination_that_asks_to_wait_is_left_alone_that_long(stage):
    stage.soc.outcomes = [Retry("Slack says rate_limited", after=40)]
    stage.receive()
    stage.run()
    assert (len(stage.soc.sent), len(stage.office.sent)) == (1, 1)
    stage.forward(39)
    stage.run()
    assert len(stage.soc.sent) == 1
    stage.forward(2)
    stage.run()
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, False]
    assert stage.living() == 0


def test_an_answer_that_leaves_it_open_makes_the_next_message_a_possible_repeat(stage):
    stage.soc.outcomes = [Retry("no answer within 20 s", ambiguous=True), Retry("503")]
    stage.receive()
    for _ in range(3):
        stage.run()
        stage.forward(10)
    assert [message.maybe_repeat for message in stage.soc.sent] == [False, True, True]


def test_what_a_destination_refuses_is_kept_whole_with_the_reason(stage):
    stage.soc.outcomes = [Rejected("Slack says no_service: the webhook is gone")]
    id = stage.receive()
    stage.run()
    assert [message.kind for message in stage.office.sent] == ["processing_with_alarms", "undelivered"]
    (dead,) = stage.runtime.deliveries.dead_items()
    assert (dead.id, dead.reason) == (f"{id}:soc", "Slack says no_service: the webhook is gone")
    assert items.decode(dead.body).alarm["event"]["id"] == id
    assert stage.runtime.ledger.deliveries.get(id, "soc").state == "dead"
    stage.runtime.deliveries.revive([dead.id])
    stage.run()
    assert len(stage.soc.sent) == 2
    assert stage.runtime.ledger.deliveries.get(id, "soc").state == "delivered"


def test_a_destination_that_stays_down_is_tried_with_growing_pauses_and_then_given_up(make_stage):
    stage = make_stage(delivery={"retry_for": 3_600})
    stage.soc.outcomes = [Retry("503")] * 2_000
    id = stage.receive()
    while stage.living():
        stage.run()
        stage.forward(60)
    assert timedelta(hours=1) <= stage.moment - START < timedelta(hours=1, minutes=10)
    assert 15 < len(stage.soc.sent) < 35  # at most every five minutes, at least every two and a half
    delivery = stage.runtime.ledger.deliveries.get(id, "soc")
    assert delivery.state == "dead"
    assert delivery.reason == f"given up after {len(stage.soc.sent)} attempts: 503"


def test_a_destination_that_raises_is_a_bug_that_loses_nothing(stage, caplog):
    stage.soc.outcomes = [ZeroDivisionError()]
    stage.receive()
    stage.run()
    assert "ZeroDivisionError" in caplog.text
    stage.forward(2)
    stage.run()
    assert len(stage.soc.sent) == 2
    assert stage.living() == 0


def test_the_next_alarm_of_a_case_is_given_what_the_first_one_left(stage):
    stage.office.thread = True
    stage.office.outcomes = [Delivered(ref="SEC-1"), Delivered(ref="SEC-1")]
    for count in (5, 6):
        stage.receive(b'{"message": "%d alarms in project id 3 evidence id 4"}' % count)
        stage.run()
    assert stage.office.cases == [NEW_CASE, CaseRef("SEC-1")]
    assert stage.soc.cases == [NEW_CASE, NEW_CASE]


def test_a_case_that_must_be_opened_anew_is_so_by_one_at_a_time(stage):
    stage.office.thread = True
    must = Retry("SEC-1 is gone", needs_exclusive=True)
    stage.office.outcomes = [Delivered(ref="SEC-1"), must, Delivered(ref="SEC-2"), Delivered(ref="SEC-2")]
    ids = []
    for count in (5, 6, 7):
        ids.append(stage.receive(b'{"message": "%d alarms in project id 3 evidence id 4"}' % count))
        stage.run()
    assert stage.office.cases == [
        NEW_CASE,
        CaseRef("SEC-1"),
        CaseRef("SEC-1", exclusive=True),
        CaseRef("SEC-2"),
    ]
    found = [stage.runtime.ledger.deliveries.get(id, "office") for id in ids]
    assert [(delivery.state, delivery.attempts) for delivery in found] == [("delivered", 1)] * 3


def test_who_opens_a_case_anew_and_dies_leaves_it_in_doubt(stage):
    references = stage.runtime.ledger.case_references
    references.release("c", "tickets", "one", ref="SEC-1")
    references.close("c", "tickets", "SEC-9")  # another one than it has
    assert references.acquire("c", "tickets", "two", 60) == CaseAccess(ref="SEC-1")
    references.close("c", "tickets", "SEC-1")
    assert references.acquire("c", "tickets", "two", 60) == CaseAccess(ref="SEC-1", exclusive=True)
    references.close("c", "tickets", "SEC-1")  # noticed by another one meanwhile
    assert references.acquire("c", "tickets", "three", 60).wait == 60
    stage.forward(61)
    assert references.acquire("c", "tickets", "three", 60) == CaseAccess(
        ref="SEC-1", exclusive=True, unsure=True
    )
    references.release("c", "tickets", "three")  # it did not come to it
    assert references.acquire("c", "tickets", "four", 60) == CaseAccess(
        ref="SEC-1", exclusive=True, unsure=True
    )
    references.release("c", "tickets", "four", ref="SEC-2")
    assert references.acquire("c", "tickets", "five", 60) == CaseAccess(ref="SEC-2")


def test_an_alarm_for_a_destination_that_is_no_longer_configured_is_kept(stage):
    stage.runtime.deliveries.put(
        items.delivery("gone", dump(Alarm(Event("e", "unknown", START), Severity.UNKNOWN)))
    )
    stage.run()
    (dead,) = stage.runtime.deliveries.dead_items()
    assert dead.reason == "there is no destination 'gone' any more"
