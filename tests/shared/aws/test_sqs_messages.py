"""Items as messages of SQS: their sizes, encodings and attributes."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from shared.aws.sqs_messages import SqsItem, item_of
from shared.storage.ports import TooLarge
from tests.shared.aws.conftest import RECORD, foreign

MIB = 1024 * 1024


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
    assert queue.hand_back_early(item)
    assert not queue.hand_back_early(item_of({**record, "messageAttributes": {}}))


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
    bodies = {item.id: item.body for item in queue.claim(10, lease=60)}
    assert sorted(bodies.values()) == [b"good", "é not base64".encode()]
    assert sorted(item.body for item in queue.dead_items()) == [b"good", "é not base64".encode()]


def test_only_characters_that_sqs_accepts_are_sent_as_text(queue, asked):
    accepted = "\t\n\r \x7f\x85\ud7ff\ue000\ufffd\U00010000\U0010ffff"
    for character in (*accepted, *"\0\x08\x0b\x0c\x0e\x1f\ufffe\uffff"):
        queue.put(character.encode(), id="1")
    sent_as_text = [
        request["MessageBody"] for _, request in asked if "encoding" not in request["MessageAttributes"]
    ]
    assert sent_as_text == list(accepted)
