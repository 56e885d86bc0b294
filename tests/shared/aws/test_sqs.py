"""What is particular to the queues in SQS: delays, ids, retries, Lambda's records, what goes wrong."""

from __future__ import annotations

import time

import pytest
from botocore.stub import Stubber

from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.aws.sqs_messages import item_of
from shared.queues.ports import QueueError
from tests.shared.aws.conftest import RECORD, foreign


def test_a_message_whose_answer_was_lost_keeps_its_id(lossy, queue, urls):
    id = SqsQueue(lossy("sqs", "SendMessage"), "events", *urls).put(b"a")
    assert [item.id for item in queue.claim(10, lease=60)] == [id, id]


def test_a_delay_of_more_than_sqs_has(clients, urls, asked):
    queue = SqsQueue(clients, "events", *urls, now=lambda: 1_000.5)
    for delay in (0.1, 900, 5_000):
        queue.put(b"a", delay=delay)
    sent = [
        (request["DelaySeconds"], request["MessageAttributes"].get("due", {}).get("StringValue"))
        for _, request in asked
    ]
    assert sent == [(1, None), (900, None), (900, "6000.5")]


def test_an_item_that_comes_before_it_is_due_is_handed_back(clients, urls, queue, asked):
    due = time.time() + 100_000
    foreign(clients, urls[0], "later", id="later", due=str(due))
    foreign(clients, urls[0], "now", id="now", due="1.5")
    asked.clear()
    (item,) = queue.claim(10, lease=60)
    assert (item.id, item.body, item.due) == ("now", b"now", 1.5)
    (hidden,) = [request for operation, request in asked if operation == "change_message_visibility"]
    assert hidden["VisibilityTimeout"] == 42_300  # what is left of the 12 hours that SQS allows


def test_a_retry_is_in_whole_seconds_and_within_what_sqs_allows(queue, asked):
    queue.put(b"a")
    for delay, seconds in ((0.25, 1), (1.0, 1), (1e9, 42_300), (-3, 0)):
        item = item_of({**RECORD, "receiptHandle": received(queue)})
        asked.clear()
        assert queue.retry(item, delay=delay)
        assert [request["VisibilityTimeout"] for _, request in asked] == [seconds]
        queue.retry(item, delay=0)


def received(queue: SqsQueue) -> str:
    (item,) = queue.claim(lease=60)
    return item.receipt


def test_a_claim_takes_what_sqs_gives_at_once(queue):
    for number in range(12):
        queue.put(b"%d" % number)
    assert len(queue.claim(100, lease=60)) == 10
    assert len(queue.claim(100, lease=60)) == 2


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("AccessDeniedException", 403, "the queue events: access denied by SQS: the role needs {}"),
        (
            "KmsAccessDenied",
            400,
            "the queue events: access denied by SQS: the role needs {} and the use of its KMS key",
        ),
        ("RequestThrottled", 400, "the queue events: SQS is throttling requests"),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, "the queue events is not there in SQS"),
        ("InternalError", 500, "the queue events: SQS has a fault of its own (InternalError)"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "action", "use"),
    [
        ("send_message", "sqs:SendMessage", lambda queue, item: queue.put(b"a")),
        ("receive_message", "sqs:ReceiveMessage", lambda queue, item: queue.claim(lease=60)),
        ("delete_message", "sqs:DeleteMessage", lambda queue, item: queue.done(item)),
        (
            "change_message_visibility",
            "sqs:ChangeMessageVisibility",
            lambda queue, item: queue.retry(item, delay=1),
        ),
        ("send_message", "sqs:SendMessage", lambda queue, item: queue.dead(item, reason="r")),
        ("receive_message", "sqs:ReceiveMessage", lambda queue, item: queue.revive(["a"])),
        ("receive_message", "sqs:ReceiveMessage", lambda queue, item: queue.discard(["a"])),
        ("get_queue_attributes", "sqs:GetQueueAttributes", lambda queue, item: queue.depth()),
    ],
)
def test_what_sqs_refuses_in_words(clients, operation, action, use, code, status, said):
    queue = SqsQueue(clients, "events", "https://sqs.example/1/events", "https://sqs.example/1/dead")
    with Stubber(clients.get("sqs")) as stub:
        stub.add_client_error(operation, code, http_status_code=status)
        with pytest.raises(QueueError) as caught:
            use(queue, item_of(RECORD))
    assert str(caught.value) == said.format(action)


@pytest.mark.parametrize(
    "code", ["AWS.SimpleQueueService.MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue"]
)
def test_an_item_that_is_no_longer_held(clients, queue, code):
    with Stubber(clients.get("sqs")) as stub:
        stub.add_client_error("change_message_visibility", code)
        assert not queue.retry(item_of(RECORD), delay=1)


def test_sqs_cannot_be_reached(nobody, silent):
    def refusal(endpoint: str) -> str:
        clients = Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=endpoint, read_timeout=0.1, retries=0)
        with pytest.raises(QueueError) as caught:
            SqsQueue(clients, "events", f"{endpoint}/1/events", f"{endpoint}/1/dead").put(b"secret body")
        return str(caught.value)

    assert refusal(nobody) == "the queue events: SQS cannot be reached (EndpointConnectionError)"
    assert refusal(silent) == "the queue events: SQS did not answer within 0.1 s"
