"""Dead letters on SQS: how an item gets there, what is seen of it, and how it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from shared.aws.clients import Clients
from shared.aws.sqs import SqsQueue
from shared.queues.ports import ABANDONED, DeadItem, Item, QueueError
from tests.shared.aws.conftest import made


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


@pytest.mark.slow
def test_what_sqs_puts_aside_itself_is_told_before_it_is_kept_and_once(abandoned):
    def crash(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        abandoned.adopt(crash)
    told: list[Item] = []
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
            name: {key: attribute[key] for key in ("DataType", "StringValue")}
            for name, attribute in message["MessageAttributes"].items()
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
    assert [(dead.id, dead.reason) for dead in queue.dead_items()] == [("a", "no_service again")]


class Answers(Clients):
    """SQS as it would answer, for what moto does not do."""

    def __init__(self, *dead: dict[str, Any]) -> None:
        self.dead = list(dead)
        self.sent: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.polls: list[dict[str, Any]] = []

    def call(self, service: str, operation: str, *, region: str | None = None, **request: Any) -> Any:
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


def dead_message(id: str, *, moved: bool, **attributes: str) -> dict[str, Any]:
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
    told: list[Item] = []
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


@pytest.mark.slow
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
