"""Translates between queue items and SQS messages: an item's id and history are attributes of the message."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.queues.ports import ABANDONED, DeadItem, Item
from shared.storage.ports import TooLarge

# Vendor number: "Amazon SQS message quotas". A message has at most 1 MiB with its attributes, which take at
# most 4 KiB here.
_MAX_BODY = 1024 * 1024 - 4 * 1024
# What SQS refuses in a text. Python compiles the reverse, the list of what SQS accepts, ten times as slowly.
_NOT_ALLOWED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# A message has this system attribute if SQS itself moved it to the dead letter queue.
MOVED_FROM = "DeadLetterQueueSourceArn"
_MAX_EPOCH = 1e11  # seconds: a larger number is no date


@dataclass(frozen=True)
class SqsItem(Item):
    """An item of an SQS queue, with what only SQS knows about it."""

    due: float = 0.0  # epoch seconds; the item must not be worked before
    leased_until: float = math.inf  # epoch seconds; after this, another worker may hold the item
    moved_back: bool = False  # somebody moved it back from the dead letter queue by hand


def item_of(record: Mapping[str, Any]) -> SqsItem:
    """The item in a record of the event that SQS invokes a Lambda function with. Its lease is the queue's
    visibility timeout, which is longer than the function may run."""
    message = {
        "MessageId": record["messageId"],
        "ReceiptHandle": record["receiptHandle"],
        "Body": record["body"],
        "Attributes": record["attributes"],
        "MessageAttributes": {
            name: {"StringValue": attribute.get("stringValue", "")}
            for name, attribute in record.get("messageAttributes", {}).items()
        },
    }
    return item_of_message(message)


def item_of_message(message: Mapping[str, Any], leased_until: float = math.inf) -> SqsItem:
    attributes = _attributes(message)
    return SqsItem(
        id=attributes.get("id") or message["MessageId"],
        body=_body(message["Body"], attributes),
        claims=int(message["Attributes"]["ApproximateReceiveCount"]),
        added_at=_moment(attributes.get("since", "")) or _sent_at(message),
        receipt=message["ReceiptHandle"],
        surprises=int(_number(attributes.get("surprises", ""))),
        due=_number(attributes.get("due", "")),
        leased_until=leased_until,
        moved_back=_number(attributes.get("attempts", "")) > 0,
    )


def dead_item_of_message(message: Mapping[str, Any]) -> DeadItem:
    item, attributes = item_of_message(message), _attributes(message)
    if not is_kept(message):  # SQS does not say when it moved the message
        return DeadItem(item.id, item.body, item.claims, item.added_at, item.added_at, ABANDONED)
    return DeadItem(
        id=item.id,
        body=item.body,
        claims=int(_number(attributes["attempts"])),
        added_at=_moment(attributes.get("added", "")) or item.added_at,
        died_at=item.added_at,
        reason=attributes.get("reason", ""),
    )


def is_kept(message: Mapping[str, Any]) -> bool:
    """Whether huntbridge, and not SQS, put a message into the dead letter queue. A message has the attributes
    of both if huntbridge put it there, a person moved it back, and SQS moved it again."""
    return "attempts" in _attributes(message) and MOVED_FROM not in message["Attributes"]


def message_of(body: bytes, attributes: Mapping[str, str], *, queue: str) -> dict[str, Any]:
    """The arguments of SendMessage. Raises TooLarge, which names the queue."""
    text = _text(body)
    if text is None:
        text = base64.b64encode(body).decode()
        attributes = {**attributes, "encoding": "base64"}
    size = len(text.encode())
    if size > _MAX_BODY:
        raise TooLarge(
            f"an item of {size:,} bytes does not go into the queue {queue}: SQS takes {_MAX_BODY:,} bytes "
            "at most"
        )
    return {
        "MessageBody": text,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": _NOT_ALLOWED.sub("?", value)}
            for name, value in attributes.items()
            if value  # SQS refuses an empty value
        },
    }


def epoch(moment: datetime) -> str:
    return str(moment.timestamp())


def _attributes(message: Mapping[str, Any]) -> dict[str, str]:
    attributes: Mapping[str, Any] = message.get("MessageAttributes", {})
    return {name: attribute.get("StringValue", "") for name, attribute in attributes.items()}


def _sent_at(message: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)


def _moment(seconds: str) -> datetime | None:
    number = _number(seconds)
    return datetime.fromtimestamp(number, UTC) if number > 0 else None


def _text(body: bytes) -> str | None:
    """The body as text; None if SQS would not accept that text."""
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
            pass  # huntbridge did not write this message; its handler will refuse the item
    return text.encode()


def _number(text: str) -> float:
    """0 if the text is not a number, so that a message that huntbridge did not write does not stop the
    others."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if abs(number) < _MAX_EPOCH else 0.0
