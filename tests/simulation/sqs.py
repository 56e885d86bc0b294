"""SQS in memory: standard queues, with the semantics that the queues use.

A message that was received is hidden until its visibility timeout ends. Only the receipt of the last receive
settles it. A message that was received too often moves to the dead letter queue.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_MAX_BODY = 1024 * 1024  # bytes, with the attributes
_MAX_DELAY, _MAX_HIDDEN = 900, 43_200  # seconds
_MOVED_FROM = "DeadLetterQueueSourceArn"

Refusal = Callable[..., Exception]


@dataclass
class Message:
    id: str
    number: int  # in the order in which they were sent
    body: str
    attributes: dict[str, Any]
    sent_at: float
    visible_at: float
    receives: int = 0
    receipt: str = ""  # of the last receive
    received_at: float = 0.0
    moved_from: str = ""


@dataclass
class Chaos:
    """What a standard queue may do. The shares are of calls."""

    rng: random.Random = field(default_factory=lambda: random.Random(0))
    shuffled: bool = False  # out of order
    twice: float = 0.0  # hands a hidden message out again
    blind: float = 0.0  # does not see a message, since its server was not asked


class SimulatedQueue:
    def __init__(self, url: str, now: Callable[[], float], refuse: Refusal, chaos: Chaos) -> None:
        self.url, self._now, self._refuse, self._chaos = url, now, refuse, chaos
        self.messages: dict[str, Message] = {}  # by id
        self.dead_letters: SimulatedQueue | None = None
        self.most_receives = 0
        self._numbers = itertools.count(1)

    def send_message(
        self, MessageBody: str, MessageAttributes: dict[str, Any], DelaySeconds: int = 0
    ) -> dict[str, Any]:
        size = len(MessageBody.encode()) + sum(
            len(name) + len(each["StringValue"].encode()) for name, each in MessageAttributes.items()
        )
        if size > _MAX_BODY or not 0 <= DelaySeconds <= _MAX_DELAY or not MessageBody:
            raise self._refuse("InvalidParameterValue")
        number, now = next(self._numbers), self._now()
        message = Message(
            f"{self.url}#{number}", number, MessageBody, dict(MessageAttributes), now, now + DelaySeconds
        )
        self.messages[message.id] = message
        return {"MessageId": message.id}

    def receive_message(self, MaxNumberOfMessages: int, VisibilityTimeout: int, **_: Any) -> dict[str, Any]:
        now, chaos = self._now(), self._chaos
        due = [each for each in self.messages.values() if each.visible_at <= now]
        due.sort(key=lambda each: each.number)
        if chaos.shuffled:
            chaos.rng.shuffle(due)
        if chaos.twice and chaos.rng.random() < chaos.twice:
            hidden = [each for each in self.messages.values() if each.visible_at > now and each.receipt]
            due += hidden[:1]
        if chaos.blind:
            due = [each for each in due if chaos.rng.random() >= chaos.blind]
        received: list[dict[str, Any]] = []
        for message in due:
            if len(received) == MaxNumberOfMessages:
                break
            if self.dead_letters and message.receives >= self.most_receives:
                self._move(message)
                continue
            message.receives += 1
            message.receipt = f"{message.id}/{message.receives}"
            message.received_at, message.visible_at = now, now + VisibilityTimeout
            received.append(self._shown(message))
        return {"Messages": received} if received else {}

    def delete_message(self, ReceiptHandle: str) -> dict[str, Any]:
        """A receipt of an earlier receive is accepted, and the message stays."""
        message = self.messages.get(ReceiptHandle.rpartition("/")[0])
        if message and message.receipt == ReceiptHandle:
            del self.messages[message.id]
        return {}

    def change_message_visibility(self, ReceiptHandle: str, VisibilityTimeout: int) -> dict[str, Any]:
        message = self.messages.get(ReceiptHandle.rpartition("/")[0])
        now = self._now()
        if message is None or message.receipt != ReceiptHandle:
            raise self._refuse("InvalidParameterValue")
        if message.visible_at <= now:
            raise self._refuse("MessageNotInflight")
        if not VisibilityTimeout >= 0 or now + VisibilityTimeout > message.received_at + _MAX_HIDDEN:
            raise self._refuse("InvalidParameterValue")
        message.visible_at = now + VisibilityTimeout
        return {}

    def change_message_visibility_batch(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        failed = []
        for entry in Entries:
            try:
                self.change_message_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"])
            except Exception as error:
                failed.append({"Id": entry["Id"], "Code": str(error)})
        return {"Failed": failed}

    def get_queue_attributes(self, AttributeNames: list[str]) -> dict[str, Any]:
        now = self._now()
        visible = sum(each.visible_at <= now for each in self.messages.values())
        hidden = sum(each.visible_at > now and bool(each.receipt) for each in self.messages.values())
        counts = (visible, len(self.messages) - visible - hidden, hidden)
        return {"Attributes": {name: str(count) for name, count in zip(AttributeNames, counts, strict=True)}}

    def set_queue_attributes(self, dead_letters: SimulatedQueue, most_receives: int) -> None:
        self.dead_letters, self.most_receives = dead_letters, most_receives

    def next_due(self) -> float | None:
        return min((each.visible_at for each in self.messages.values()), default=None)

    def record(self, message: dict[str, Any], arn: str) -> dict[str, Any]:
        """The message as a Lambda function gets it."""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {"stringValue": each["StringValue"], "dataType": "String"}
                for name, each in message.get("MessageAttributes", {}).items()
            },
            "eventSourceARN": arn,
        }

    def _move(self, message: Message) -> None:
        assert self.dead_letters
        del self.messages[message.id]
        message.moved_from, message.receipt, message.receives = self.url, "", 0
        self.dead_letters.messages[message.id] = message

    def _shown(self, message: Message) -> dict[str, Any]:
        attributes = {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(int(message.sent_at * 1000)),
        }
        if message.moved_from:
            attributes[_MOVED_FROM] = message.moved_from
        return {
            "MessageId": message.id,
            "ReceiptHandle": message.receipt,
            "Body": message.body,
            "Attributes": attributes,
            "MessageAttributes": json.loads(json.dumps(message.attributes)),
        }
