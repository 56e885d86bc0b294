"""What is particular to the queues in SQS: sizes, delays, dead letters, Lambda's records, what goes wrong."""

from __future__ import annotations

import math
import time
import uuid
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.aws.sqs_messages import SqsItem, item_of
from shared.queues.ports import ABANDONED, DeadItem, QueueError
from shared.storage.ports import TooLarge

MIB = 1024 * 1024
RECORD = {
    "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
    "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
    "body": '{"event": "naïve"}',
    "attributes": {
        "ApproximateReceiveCount": "3",
        "SentTimestamp": "1545082649183",
        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
        "ApproximateFirstReceiveTimestamp": "1545082649185",
    },
    "messageAttributes": {
        "id": {
            "stringValue": "event:slack",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "String",
        }
    },
    "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
    "eventSource": "aws:sqs",
    "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:events",
    "awsRegion": "us-east-2",
}


def made(clients: Clients, name: str, **attributes: str) -> str:
    """The URL of a new queue."""
    answer = clients.call("sqs", "create_queue", QueueName=f"{name}-{uuid.uuid4()}", Attributes=attributes)
    return answer["QueueUrl"]


@pytest.fixture
def urls(clients) -> tuple[str, str]:
    return made(clients, "events"), made(clients, "events-dlq")


@pytest.fixture
def queue(clients, urls) -> SqsQueue:
    return SqsQueue(clients, "events", *urls)


def foreign(clients: Clients, url: str, body: str, **attributes: str) -> None:
    """Put a message there as somebody else may."""
    clients.call(
        "sqs",
        "send_message",
        QueueUrl=url,
        MessageBody=body,
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )


def test_the_largest_item_goes_through_and_can_die(queue):
    body = b"x" * (MIB - 4096)
    queue.put(body, id="i" * 200)
    (item,) = queue.claim(lease=60)
    assert item.body == body
    assert queue.dead(item, reason="\U0001f512\0" * 5_000)
    (dead,) = queue.dead_items()
    assert (dead.id, dead.body, dead.reason) == ("i" * 200, body, "\U0001f512?" * 400)


@pytest.mark.parametrize(
    ("body", "size"), [(b"x" * (MIB - 4095), "1,044,481"), (b"\0" * 800_000, "1,066,668")]
)
def test_an_item_that_is_too_large(queue, asked, body, size):
    with pytest.raises(TooLarge) as caught:
        queue.put(body)
    assert str(caught.value) == (
        f"an item of {size} bytes does not go into the queue events: SQS takes 1,044,480 bytes at most"
    )
    assert asked == []


def test_text_is_sent_as_it_is_and_all_else_as_base64(queue, asked):
    queue.put(b'{"a":1}', id="1")
    queue.put(b"\xff", id="2")
    bodies = [request["MessageBody"] for _, request in asked]
    assert bodies == ['{"a":1}', "/w=="]


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


def test_an_item_is_off_the_queue_only_when_it_is_safe_among_the_dead(clients, urls, queue, asked):
    queue.put(b"a", id="a")
    (item,) = queue.claim(lease=60)
    with pytest.raises(QueueError, match=r"^the queue events is not there in SQS$"):
        SqsQueue(clients, "events", urls[0], f"{urls[1]}-not").dead(item, reason="poison")
    assert queue.depth().leased == 1
    asked.clear()
    assert queue.dead(item, reason="poison")
    assert [operation for operation, _ in asked] == ["send_message", "delete_message"]


@pytest.fixture
def abandoned(clients) -> SqsQueue:
    """A queue of which SQS has put the item `p` aside."""
    dead_url = made(clients, "events-dlq")
    arn = clients.call("sqs", "get_queue_attributes", QueueUrl=dead_url, AttributeNames=["QueueArn"])
    policy = f'{{"deadLetterTargetArn": "{arn["Attributes"]["QueueArn"]}", "maxReceiveCount": 2}}'
    queue = SqsQueue(clients, "events", made(clients, "events", RedrivePolicy=policy), dead_url)
    queue.put(b"poison\0", id="p")
    for _ in range(2):
        (item,) = queue.claim(lease=60)
        queue.retry(item, delay=0)
    queue.put(b"good", id="g")
    assert [item.id for item in queue.claim(10, lease=60)] == ["g"]
    return queue


def test_what_sqs_puts_aside_itself_can_be_seen_and_revived(abandoned):
    (dead,) = abandoned.dead_items()
    assert dead == DeadItem("p", b"poison\0", dead.claims, dead.added_at, dead.added_at, ABANDONED)
    assert dead.claims >= 2
    assert abandoned.revive(["p"]) == ["p"]
    assert [item.body for item in abandoned.claim(10, lease=60)] == [b"poison\0"]
    assert abandoned.dead_items() == []


def test_what_sqs_puts_aside_itself_is_told_before_it_is_kept_and_once(abandoned):
    def crash(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        abandoned.adopt(crash)
    told = []
    for _ in range(3):
        abandoned.adopt(told.append)
    assert [(item.id, item.body) for item in told] == [("p", b"poison\0")]
    (dead,) = abandoned.dead_items()
    assert (dead.id, dead.body, dead.reason, dead.added_at) == (
        "p",
        b"poison\0",
        ABANDONED,
        told[0].added_at,
    )
    assert abandoned.depth().dead == 1
    assert abandoned.revive(["p"]) == ["p"]


def moved_back(clients, urls) -> None:
    """As a redrive in SQS's console does it: each message goes with its attributes."""
    answer = clients.call("sqs", "receive_message", QueueUrl=urls[1], MessageAttributeNames=["All"])
    for message in answer["Messages"]:
        attributes = {
            name: {key: one[key] for key in ("DataType", "StringValue")}
            for name, one in message["MessageAttributes"].items()
        }
        clients.call(
            "sqs",
            "send_message",
            QueueUrl=urls[0],
            MessageBody=message["Body"],
            MessageAttributes=attributes,
        )
        clients.call("sqs", "delete_message", QueueUrl=urls[1], ReceiptHandle=message["ReceiptHandle"])


def test_what_was_moved_back_by_hand_begins_anew(clients, urls, queue, caplog):
    queue.put(b"a", id="a")
    (item,) = queue.claim(lease=60)
    queue.dead(item, reason="no_service")
    moved_back(clients, urls)
    assert queue.claim(lease=60) == []  # the message that was moved gives way to a new one
    assert "item moved back by hand item=a queue=events" in caplog.text
    (item,) = queue.claim(lease=60)
    assert (item.id, item.body, item.claims, item.surprises) == ("a", b"a", 1, 0)
    queue.retry(item, delay=0)
    (item,) = queue.claim(lease=60)
    assert queue.dead(item, reason="no_service again")
    assert [(one.id, one.reason) for one in queue.dead_items()] == [("a", "no_service again")]


class Answers:
    """SQS as it would answer, for what moto does not do."""

    def __init__(self, *dead: dict) -> None:
        self.dead, self.sent, self.deleted, self.polls = list(dead), [], [], []

    def call(self, service, operation, **request):
        if operation == "receive_message":
            self.polls.append(request)
            hidden, self.dead = self.dead[:10], self.dead[10:]
            return {"Messages": hidden} if hidden else {}
        if operation == "send_message":
            self.sent.append(request)
            return {"MessageId": "message-sent"}
        if operation == "delete_message":
            self.deleted.append(request["ReceiptHandle"])
        return {}


def dead_message(id: str, *, moved: bool, **attributes: str) -> dict:
    system = {"ApproximateReceiveCount": "1001", "SentTimestamp": "1790000000000"}
    return {
        "MessageId": f"message-{id}",
        "ReceiptHandle": f"receipt-{id}",
        "Body": "x",
        "Attributes": system | ({"DeadLetterQueueSourceArn": "arn:aws:sqs:::events"} if moved else {}),
        "MessageAttributes": {
            name: {"StringValue": value} for name, value in {"id": id, **attributes}.items()
        },
    }


def test_what_died_here_was_moved_back_and_is_put_aside_by_sqs_is_told():
    """It still carries the reason of its first death: SQS may put it aside before anybody has claimed it."""
    kept = {"attempts": "3", "added": "1790000000", "reason": "no_service"}
    sqs = Answers(dead_message("again", moved=True, **kept), dead_message("known", moved=False, **kept))
    told = []
    SqsQueue(sqs, "events", "live", "dead").adopt(told.append)
    assert [item.id for item in told] == ["again"]
    assert [sent["MessageAttributes"]["reason"]["StringValue"] for sent in sqs.sent] == [ABANDONED]
    assert sqs.deleted == ["receipt-again"]


def test_a_look_at_the_dead_asks_all_servers_of_sqs_and_sees_more_than_it_can_hide():
    """More messages than are hidden long enough: some come again before the last ones are seen."""
    fresh = [dead_message(f"{number}", moved=True) for number in range(40)]
    sqs = Answers(*fresh[:20], *fresh[:20], *fresh[20:])
    queue = SqsQueue(sqs, "events", "live", "dead")
    assert {item.id for item in queue.dead_items()} == {f"{number}" for number in range(40)}
    assert all(poll["WaitTimeSeconds"] >= 1 for poll in sqs.polls)


def test_one_of_many_dead_items_is_found(queue):
    for number in range(23):
        queue.put(b"%d" % number, id=f"{number}")
    while items := queue.claim(10, lease=60):
        for item in items:
            queue.dead(item, reason="poison")
    assert len(queue.dead_items()) == 23
    assert queue.revive(["21"]) == ["21"]
    assert [item.body for item in queue.claim(10, lease=60)] == [b"21"]
    assert len(queue.dead_items()) == 22
    assert queue.revive(["21"]) == []


def test_the_item_in_a_record_of_lambda():
    assert item_of(RECORD) == SqsItem(
        id="event:slack",
        body='{"event": "naïve"}'.encode(),
        claims=3,
        added_at=datetime(2018, 12, 17, 21, 37, 29, 183_000, UTC),
        receipt="AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        due=0,
        leased_until=math.inf,
    )


def test_a_record_of_lambda_in_base64_and_before_its_time(clients, urls, queue):
    queue.put(b"\xff")
    (claimed,) = queue.claim(lease=60)
    (encoding, due) = ({"dataType": "String", "stringValue": text} for text in ("base64", "9999999999"))
    record = {
        **RECORD,
        "body": "/w==",
        "receiptHandle": claimed.receipt,
        "messageAttributes": {"encoding": encoding, "due": due},
    }
    item = item_of(record)
    assert (item.id, item.body) == (RECORD["messageId"], b"\xff")
    assert queue.early(item)
    assert not queue.early(item_of({**record, "messageAttributes": {}}))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"due": "soon"},
        {"due": "nan"},
        {"due": "inf"},
        {"due": "-1e400"},
        {"encoding": "base64"},
        {"encoding": "rot13"},
        {"attempts": "many", "added": "never"},
        {"attempts": "1e300", "added": "1e300"},
    ],
)
def test_a_message_that_huntbridge_did_not_put_there_harms_no_other(clients, urls, queue, attributes):
    for url in urls:
        foreign(clients, url, "é not base64", **attributes)
        foreign(clients, url, "good", id="good")
    found = {item.id: item.body for item in queue.claim(10, lease=60)}
    assert sorted(found.values()) == [b"good", "é not base64".encode()]
    assert sorted(item.body for item in queue.dead_items()) == [b"good", "é not base64".encode()]


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
