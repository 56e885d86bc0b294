"""Checks that the document for a receiver of webhooks is valid, within its limit, and harmless."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator

from receiver.destinations.webhook import document, schema
from receiver.messages.message import Message
from shared.models.alarms import Alarm
from tests.receiver.destinations.message_checks import (
    LIVE,
    told,
    walk,
)

DATE_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+$"
# The CloudEvents specification 1.0.2 and its JSON format, as a JSON Schema.
CLOUD_EVENT = Draft202012Validator(
    {
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "pattern": PRINTABLE},
            "source": {"type": "string", "pattern": r"^[!#$&-;=?-Z\[\]_a-z~%]+$"},
            "type": {"type": "string", "pattern": r"^huntbridge\.alarm\.[a-z0-9_]+$"},
            "subject": {"type": "string", "pattern": PRINTABLE},
            "time": {"type": "string", "pattern": DATE_TIME},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"const": "urn:huntbridge:alarm:1"},
            "data": {"type": "object"},
        },
        "additionalProperties": False,  # extension attributes would be allowed; there are none
    }
)


def closed(schema: Any) -> Any:
    """The schema without additional keys: every key that is sent must be published."""
    for node in walk(schema):
        if "properties" in node:
            node["additionalProperties"] = False
    return schema


ALARM_DATA = Draft202012Validator(closed(schema.schema()))


def check_webhook(alarm: Alarm) -> None:
    raw = document.payload(told(alarm))
    assert len(raw) <= 65_536
    event = json.loads(raw)
    assert list(CLOUD_EVENT.iter_errors(event)) == []
    data = event["data"]
    assert list(ALARM_DATA.iter_errors(data)) == []
    texts = [text for node in walk(event) for text in (*node, *node.values()) if isinstance(text, str)]
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", "".join(texts)
    )
    said = json.dumps(data["message"], ensure_ascii=False)
    assert not LIVE.search(said), said
    if data["link"]:
        assert urlsplit(data["link"])[:2] == ("https", "cado.example")
    for dropped in data["left_out"]:
        assert dropped["kept"] < dropped["of"]


def golden(message: Message) -> dict[str, Any]:
    """The body, by the ending of its golden file."""
    return {"json": json.loads(document.payload(message))}
