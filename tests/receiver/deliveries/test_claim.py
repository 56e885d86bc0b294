"""One worker sends a message, and one delivery at a time opens a case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from receiver.deliveries.claim import wait_for_other_worker
from receiver.deliveries.digest_store import Digests
from receiver.destinations.contract import NEW_CASE, CaseRef, Delivered, Outcome, Retry
from receiver.messages.digest import DigestEntry
from receiver.messages.message import Message
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.severity import Severity
from shared.queues import leases
from shared.queues.ports import Again, Done, Item, Verdict
from shared.queues.worker import work
from tests.receiver.conftest import Stage, Tool


class Twice:
    """A destination that, while it is called, hands the same item to a second worker too, as SQS may."""

    def __init__(self, stage: Stage, tool: Tool, item: Item) -> None:
        self.again: Item | None = replace(item, receipt="of the second", claims=2)
        self.verdicts: list[Verdict] = []
        self.second, self.deliver = stage.worker(), tool.deliver

    def __call__(self, message: Message, case: CaseRef) -> Outcome:
        again, self.again = self.again, None
        if again:
            self.verdicts.append(self.second.delivery(again))
        return self.deliver(message, case)


def test_the_second_of_two_workers_with_the_same_item_waits(stage):
    stage.receive()
    work(stage.runtime.events, stage.work.event, lease=60)
    (item, _) = stage.runtime.deliveries.claim(2, lease=60)
    tool = stage.tools[item.id.rpartition(":")[2]]
    tool.deliver = twice = Twice(stage, tool, item)
    assert stage.work.delivery(item) == Done()
    (verdict,) = twice.verdicts
    assert isinstance(verdict, Again)
    assert 0 < verdict.delay <= leases.SENDING
    stage.forward(verdict.delay)
    assert twice.second.delivery(replace(item, claims=3)) == Done()
    assert [message.maybe_repeat for message in tool.sent] == [False]


def test_a_worker_waits_for_the_worker_that_sends_the_digest(stage, monkeypatch):
    digests = Digests(stage.runtime.store, stage.runtime.deliveries)
    digest = digests.open("soc")
    digests.add("soc", digest, DigestEntry("e", "case", "5 alarms", Severity.SUSPICIOUS))
    (item,) = stage.runtime.deliveries.claim(lease=60)
    stage.soc.deliver = twice = Twice(stage, stage.soc, item)
    assert stage.work.delivery(item) == Done()
    assert isinstance(twice.verdicts[0], Again)
    assert len(stage.soc.sent) == 1


def test_after_a_worker_died_while_sending_the_next_worker_waits_for_the_end_of_the_lease(stage):
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


def test_the_next_alarm_of_a_case_gets_the_reference_of_the_first(stage):
    stage.office.thread = True
    stage.office.outcomes = [Delivered(ref="SEC-1"), Delivered(ref="SEC-1")]
    for count in (5, 6):
        stage.receive(b'{"message": "%d alarms in project id 3 evidence id 4"}' % count)
        stage.run()
    assert stage.office.cases == [NEW_CASE, CaseRef("SEC-1")]
    assert stage.soc.cases == [NEW_CASE, NEW_CASE]


def test_one_delivery_at_a_time_opens_a_case_anew(stage):
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
    deliveries = [stage.runtime.ledger.deliveries.get(id, "office") for id in ids]
    assert [(delivery.state, delivery.attempts) for delivery in deliveries] == [("delivered", 1)] * 3


@pytest.mark.parametrize(
    ("state", "ago", "wait"),
    [
        (DeliveryState.SENDING, 1, leases.SENDING - 1),
        (DeliveryState.SENDING, leases.SENDING, None),
        (DeliveryState.SENDING, -1, None),  # the clock was set back
        (DeliveryState.UNSURE, 1, None),
        (DeliveryState.DELIVERED, 1, None),
    ],
)
def test_a_worker_waits_only_for_a_lease_that_has_not_run_out(state, ago, wait):
    now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    delivery = Delivery("e", "soc", state, last_at=now - timedelta(seconds=ago))
    verdict = wait_for_other_worker(delivery, now)
    assert verdict == (wait and Again(wait, "another worker sends it to soc", expected=True))
