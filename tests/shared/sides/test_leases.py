"""The work on an item ends before its lease, on both sides: the figures, and that the budgets are given."""

from __future__ import annotations

import pytest

from shared.aws.sqs import SqsQueue
from shared.hosting.lambda_records import work_records
from shared.http.deadlines import remaining
from shared.queues import leases
from shared.queues.ports import CAPTURES, DELIVERIES, EVENTS, QUEUES, Done
from shared.queues.worker import work
from tests.aws_function import Context
from tests.emulated import properties

OF = {CAPTURES: leases.CAPTURE, EVENTS: leases.EVENT, DELIVERIES: leases.DELIVERY}
FUNCTION = {CAPTURES: "SchedulerFunction", EVENTS: "ReceiverFunction", DELIVERIES: "ReceiverFunction"}


def test_every_lease_outlives_the_work_under_it():
    assert set(OF) == set(QUEUES)
    for lease in OF.values():
        assert leases.budget(lease) + leases.MARGIN <= lease
    for lease in (leases.SENDING, leases.CASE):  # both begin after the item was claimed
        assert leases.budget(leases.DELIVERY) + leases.MARGIN <= lease
    assert leases.budget(leases.DELIVERY) > leases.RECORDING


@pytest.mark.parametrize("queue", QUEUES)
def test_on_aws_a_function_outlives_the_work_and_the_queue_outlives_the_function(queue):
    function, settings = properties(FUNCTION[queue]), properties(queue.title())
    assert leases.budget(OF[queue]) + leases.SETTLING <= function["Timeout"]
    assert settings["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert settings["VisibilityTimeout"] >= OF[queue]
    assert properties("ReceiverFunction")["Timeout"] <= leases.SENDING


def test_a_worker_gives_its_lease_less_a_margin(side):
    left = []

    def handler(item):
        left.append(remaining(1e9))
        return Done()

    side.queue.put(b"a")
    work(side.queue, handler, lease=60)
    assert 49 < left[0] <= 50
    assert remaining(1e9) == 1e9


@pytest.mark.parametrize(("seconds", "given"), [(300, 50), (40, 35)])
def test_a_function_gives_no_more_time_than_it_has(seconds, given):
    left = []

    def handler(item):
        left.append(remaining(1e9))
        return Done()

    class Queue(SqsQueue):
        def __init__(self) -> None:
            pass

        def hand_back_early(self, item):
            return False

        def renew(self, item):
            return False

    record = {
        "messageId": "m",
        "receiptHandle": "r",
        "body": "x",
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
    }
    work_records(Queue(), handler, [record], Context(seconds), needs=leases.budget(leases.DELIVERY))
    assert given - 1 < left[0] <= given
