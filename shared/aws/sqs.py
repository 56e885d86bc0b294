"""The queues on AWS: a standard SQS queue each, and one beside it for the items that are dead.

A lease is SQS's visibility timeout. SQS may hand the same item out twice and knows nothing of ids, so its
items are handled idempotently by their id. Nothing is taken off one queue before it is safe on the other.
"""

from __future__ import annotations

import base64
import binascii
import logging
import math
import re
import secrets
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from shared.aws.clients import AwsError, Clients, understood
from shared.queues.ports import ABANDONED, DeadItem, Depth, Item, QueueError
from shared.storage.ports import TooLarge

log = logging.getLogger(__name__)

# Vendor numbers: "Amazon SQS message quotas". A message has at most 1 MiB with its attributes, which take
# at most 4 KiB here. A message is hidden for at most 12 hours after it was received.
_MAX_BODY = 1024 * 1024 - 4 * 1024
_MAX_REASON = 800  # characters, of up to 4 bytes
_MAX_DELAY = 900  # seconds
_MAX_MESSAGES = 10
# What of the 12 hours may have gone by before an item is handed back: the longest run of a Lambda function.
_MAX_HIDDEN = 43_200 - 900
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Seconds for which dead items are hidden while they are looked at.
_LOOK = 60
# Seconds that a look waits for messages. With 0, SQS asks only a sample of its servers and may miss messages
# ("Amazon SQS short and long polling").
_LOOK_WAIT = 1
# A look ends after this many answers without a message that is new to it.
_STALE_ANSWERS = 3
_MOVED_FROM = "DeadLetterQueueSourceArn"  # SQS sets it on what it moved to a dead letter queue itself
_FAR = 1e11  # epoch seconds: beyond it no date is one
_NOT_OURS = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue")


@dataclass(frozen=True)
class SqsItem(Item):
    due: float = 0.0  # epoch seconds; before this it is too early for it
    leased_until: float = math.inf  # epoch seconds; from then on another may hold it
    moved_back: bool = False  # somebody moved it back from the dead letter queue by hand


class SqsQueue:
    def __init__(
        self,
        clients: Clients,
        name: str,
        url: str,
        dead_url: str,
        *,
        wait: int = 0,
        look_wait: int = _LOOK_WAIT,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`wait` is for how many seconds a claim waits for an item (at most 20, and less than the clients'
        read timeout); `look_wait` is the same for a look at what is dead."""
        self.name = name
        self._clients, self._url, self._dead_url, self._now = clients, url, dead_url, now
        self._wait, self._look_wait = wait, look_wait

    def put(
        self,
        body: bytes,
        *,
        id: str = "",
        delay: float = 0,
        urgent: bool = False,
        durable: bool = True,  # here everything is
    ) -> str:
        # Made here and not by SQS: where botocore repeats a call whose answer was lost, both have one id.
        id = id or secrets.token_hex(8)
        self._put(body, {"id": id}, delay)
        return id

    def _put(self, body: bytes, attributes: dict[str, str], delay: float) -> None:
        if delay > _MAX_DELAY:
            attributes["due"] = str(self._now() + delay)
        self._send(self._url, body, attributes, delay=min(math.ceil(delay), _MAX_DELAY))

    def claim(self, limit: int = 1, *, lease: float) -> list[Item]:
        """At most 10 items, as SQS gives no more at once."""
        leased_until = self._now() + lease
        messages = self._receive(self._url, min(limit, _MAX_MESSAGES), math.ceil(lease), self._wait)
        items = [_item(message, leased_until) for message in messages]
        due = (item for item in items if not self.early(item) and not self.renew(item))
        return sorted(due, key=lambda item: item.added_at)

    def early(self, item: SqsItem) -> bool:
        """Whether the item came before it is due, which is what SQS does to one that was put with a delay of
        more than 15 minutes. If so, it is handed back here."""
        delay = item.due - self._now()
        if delay <= 0:
            return False
        self.retry(item, delay=delay)
        return True

    def renew(self, item: SqsItem) -> bool:
        """Whether somebody moved the item back from the dead letter queue by hand. If so, a new message takes
        its place here: its count of receives starts at 0, and what the first death left on it is gone."""
        if not item.moved_back:
            return False
        log.warning("item %s was moved back to %s by hand: it is tried anew", item.id, self.name)
        self._send(self._url, item.body, {"id": item.id})
        self._take(self._url, item.receipt)
        return True

    def done(self, item: Item) -> bool:
        # Also when the lease has run out: the work is done, and whoever holds the item now need not do it.
        return self._take(self._url, item.receipt) and self._holds(item)

    def retry(self, item: Item, *, delay: float, surprise: bool = False) -> bool:
        """SQS hides an item for whole seconds, and for 11 hours and 45 minutes at most: after a longer delay
        it comes too early. What is written on a message cannot be changed, so a surprise is counted on a new
        message that takes its place."""
        if not self._holds(item):
            return False
        if not surprise:
            return self._hide(self._url, item.receipt, math.ceil(max(delay, 0)))
        attributes = {"id": item.id, "since": _epoch(item.added_at), "surprises": str(item.surprises + 1)}
        self._put(item.body, attributes, max(delay, 0))
        return self._take(self._url, item.receipt)

    def dead(self, item: Item, *, reason: str) -> bool:
        if not self._holds(item):
            return False
        self._keep(item, reason)
        return self._take(self._url, item.receipt)

    def _keep(self, item: Item, reason: str) -> None:
        attributes = {
            "id": item.id,
            "attempts": str(item.claims),
            "added": _epoch(item.added_at),
            "reason": reason[:_MAX_REASON],
        }
        self._send(self._dead_url, item.body, attributes)

    def adopt(self, tell: Callable[[Item], None]) -> None:
        """SQS moves a message here when it was received `maxReceiveCount` times. A crash on the way may tell
        of an item twice and keep it twice, which its id makes harmless."""
        with closing(self._look_at_dead()) as messages:
            for message in messages:
                if not _is_kept(message):
                    item = _item(message, math.inf)
                    tell(item)
                    self._keep(item, ABANDONED)
                    self._take(self._dead_url, item.receipt)

    def dead_items(self, limit: int = 100) -> list[DeadItem]:
        """Some of the dead items, the newest of them first. Of two looks at the same time, each may see only
        a part."""
        with closing(self._look_at_dead()) as messages:
            found = [_dead_item(message) for message in islice(messages, limit)]
        return sorted(found, key=lambda item: item.died_at, reverse=True)

    def revive(self, ids: Collection[str]) -> list[str]:
        revived = []
        with closing(self._look_at_dead()) as messages:
            for message in messages:
                item = _item(message, math.inf)
                if item.id in ids:
                    self._send(self._url, item.body, {"id": item.id})
                    if self._take(self._dead_url, item.receipt):
                        revived.append(item.id)
                    if len(revived) == len(ids):
                        break
        return revived

    def depth(self) -> Depth:
        """SQS's own approximate figures. An item that was retried counts as leased until it is due, and when
        the oldest one came in SQS does not say."""
        living, dead = self._count(self._url), self._count(self._dead_url)
        return Depth(
            ready=living["ApproximateNumberOfMessages"],
            delayed=living["ApproximateNumberOfMessagesDelayed"],
            leased=living["ApproximateNumberOfMessagesNotVisible"],
            dead=sum(dead.values()),
            oldest=None,
        )

    def _holds(self, item: Item) -> bool:
        return not isinstance(item, SqsItem) or self._now() < item.leased_until

    def _send(self, url: str, body: bytes, attributes: dict[str, str], *, delay: int = 0) -> None:
        text = _text(body)
        if text is None:
            text = base64.b64encode(body).decode()
            attributes["encoding"] = "base64"
        size = len(text.encode())
        if size > _MAX_BODY:
            raise TooLarge(
                f"an item of {size:,} bytes does not go into the queue {self.name}: "
                f"SQS takes {_MAX_BODY:,} bytes at most"
            )
        answer = self._call(
            "send_message",
            QueueUrl=url,
            MessageBody=text,
            DelaySeconds=delay,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": _NOT_ALLOWED.sub("?", value)}
                for name, value in attributes.items()
                if value  # SQS refuses an empty one
            },
        )
        if not answer.get("MessageId"):
            raise QueueError(f"the queue {self.name}: SQS did not say that it has the item")

    def _receive(self, url: str, limit: int, hidden: int, wait: int = 0) -> list[dict[str, Any]]:
        answer = self._call(
            "receive_message",
            QueueUrl=url,
            MaxNumberOfMessages=limit,
            VisibilityTimeout=hidden,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp", _MOVED_FROM],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _look_at_dead(self) -> Generator[dict[str, Any], None, None]:
        """Every dead item once; when the caller has seen enough, all are there for the next one to see."""
        seen: dict[str, str] = {}
        stale = 0  # a long look sees messages again whose time of being hidden is over
        try:
            while stale < _STALE_ANSWERS and (
                messages := self._receive(self._dead_url, _MAX_MESSAGES, _LOOK, self._look_wait)
            ):
                fresh = [message for message in messages if message["MessageId"] not in seen]
                seen |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
                yield from fresh
                stale = 0 if fresh else stale + 1
        finally:
            self._show(list(seen.values()))

    def _show(self, receipts: list[str]) -> None:
        for start in range(0, len(receipts), _MAX_MESSAGES):
            self._call(
                "change_message_visibility_batch",
                QueueUrl=self._dead_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                    for number, receipt in enumerate(receipts[start : start + _MAX_MESSAGES])
                ],
            )

    def _take(self, url: str, receipt: str) -> bool:
        return self._settle("delete_message", QueueUrl=url, ReceiptHandle=receipt)

    def _hide(self, url: str, receipt: str, seconds: int) -> bool:
        return self._settle(
            "change_message_visibility",
            QueueUrl=url,
            ReceiptHandle=receipt,
            VisibilityTimeout=min(seconds, _MAX_HIDDEN),
        )

    def _settle(self, operation: str, **request: Any) -> bool:
        """False where the message is no longer the one that was received."""
        try:
            self._clients.call("sqs", operation, **request)
        except AwsError as error:
            if error.code in _NOT_OURS:
                return False
            raise self._failure(error) from error
        return True

    def _count(self, url: str) -> dict[str, int]:
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ]
        answer = self._call("get_queue_attributes", QueueUrl=url, AttributeNames=names)
        with understood("SQS", QueueError):
            return {name: int(answer["Attributes"][name]) for name in names}

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return self._clients.call("sqs", operation, **request)
        except AwsError as error:
            raise self._failure(error) from error

    def _failure(self, error: AwsError) -> QueueError:
        if error.code in ("NonExistentQueue", "QueueDoesNotExist"):
            return QueueError(f"the queue {self.name} is not there in SQS")
        return QueueError(f"the queue {self.name}: {error}")


def item_of(record: Mapping[str, Any]) -> SqsItem:
    """The item in a record of the event that SQS invokes a Lambda function with. Its lease is the queue's
    visibility timeout, which outlasts the function."""
    return _item(
        {
            "MessageId": record["messageId"],
            "ReceiptHandle": record["receiptHandle"],
            "Body": record["body"],
            "Attributes": record["attributes"],
            "MessageAttributes": {
                name: {"StringValue": attribute.get("stringValue", "")}
                for name, attribute in record.get("messageAttributes", {}).items()
            },
        },
        math.inf,
    )


def _item(message: Mapping[str, Any], leased_until: float) -> SqsItem:
    attributes = _attributes(message)
    return SqsItem(
        id=attributes.get("id") or message["MessageId"],
        body=_body(message["Body"], attributes),
        claims=int(message["Attributes"]["ApproximateReceiveCount"]),
        added_at=_moment(_number(attributes.get("since", ""))) or _sent(message),
        receipt=message["ReceiptHandle"],
        surprises=int(_number(attributes.get("surprises", ""))),
        due=_number(attributes.get("due", "")),
        leased_until=leased_until,
        moved_back=_number(attributes.get("attempts", "")) > 0,
    )


def _dead_item(message: Mapping[str, Any]) -> DeadItem:
    item, attributes = _item(message, math.inf), _attributes(message)
    if not _is_kept(message):  # SQS does not tell when it moved it
        return DeadItem(item.id, item.body, item.claims, item.added_at, item.added_at, ABANDONED)
    return DeadItem(
        id=item.id,
        body=item.body,
        claims=int(_number(attributes["attempts"])),
        added_at=_moment(_number(attributes.get("added", ""))) or item.added_at,
        died_at=item.added_at,
        reason=attributes.get("reason", ""),
    )


def _is_kept(message: Mapping[str, Any]) -> bool:
    """Whether it was put among the dead here, and not by SQS. What was kept here, moved back by hand and then
    put aside by SQS has the marks of both."""
    return "attempts" in _attributes(message) and _MOVED_FROM not in message["Attributes"]


def _attributes(message: Mapping[str, Any]) -> dict[str, str]:
    found: Mapping[str, Any] = message.get("MessageAttributes", {})
    return {name: attribute.get("StringValue", "") for name, attribute in found.items()}


def _sent(message: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _epoch(moment: datetime) -> str:
    return str(moment.timestamp())


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None


def _text(body: bytes) -> str | None:
    """The body as text that SQS takes as it is; None where it is no such text."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if _NOT_ALLOWED.search(text) else text


def _body(text: str, attributes: Mapping[str, str]) -> bytes:
    if attributes.get("encoding") == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass  # not put here by huntbridge; whoever handles it will not understand it either
    return text.encode()


def _number(text: str) -> float:
    """0 where it is none: a message that huntbridge did not put there must not hold up the others."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if abs(number) < _FAR else 0.0
