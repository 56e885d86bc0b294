"""Composes a message and its alarm as the document that a `webhook` destination sends.

The document is a CloudEvents 1.0 event; schema.py describes its `data`, and shrink.py keeps it small enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from receiver.destinations.webhook.schema import SCHEMA, AlarmData, AlarmPart, FactPart, MessagePart
from receiver.destinations.webhook.shrink import shrunk
from receiver.destinations.wording import safe_links
from receiver.messages.counts import worst_first
from receiver.messages.message import Message
from shared.http.urls import host_of
from shared.models import attack
from shared.models.alarms import Alarm
from shared.models.codec import dump, load
from shared.models.systems import MOST_CHARACTERS, System
from shared.text import clean, one_line

TYPE = "huntbridge.alarm"
# The size of an event that every CloudEvents intermediary must forward: CloudEvents 1.0.2, "Size Limits".
MAX_BYTES = 65_536

# The most characters of a text, by its key. Every other text of the alarm is a name.
_MAX_NAME = 200
_LIMITS = {
    "text": 4_000,
    "path": 1_000,
    "description": 500,
    "reason": 500,
    "why": 500,
    "note": 500,
    "title": 300,
    "instance": MOST_CHARACTERS,
    "place": 500,
}
_OF_A_SYSTEM = {"instance", "region", "account"}
_MAX_TAG = 256


def payload(message: Message, limit: int = MAX_BYTES) -> bytes:
    """The document in UTF-8, at most `limit` bytes long."""
    return shrunk(cloud_event(message), limit)


def cloud_event(message: Message) -> dict[str, Any]:
    """The whole message as a CloudEvents event, whatever its size. CloudEvents requires that `id` and
    `source` together are unique. A message that is sent again keeps both."""
    links = {link.name: link.url for link in safe_links(message)}
    platform = links.get("platform")
    attributes = {
        "specversion": "1.0",
        "id": message.id or "unknown",
        "source": host_of(platform) if platform else "/huntbridge",
        "type": f"{TYPE}.{_type_suffix(message.kind)}",
        "subject": one_line(message.case_key, 300),
        "time": dump(message.alarm.event)["received_at"] if message.alarm else None,
        "datacontenttype": "application/json",
        "dataschema": SCHEMA,
    }
    data = AlarmData(
        severity=message.severity,
        kind=message.kind,
        case=one_line(message.case_key, 300),
        maybe_repeat=message.maybe_repeat,
        link=platform,
        console_link=links.get("console"),
        issue_link=links.get("issue"),
        message=MessagePart(
            title=message.title,
            summary=message.summary,
            facts=tuple(FactPart(fact.label, fact.value) for fact in message.facts),
            lines=tuple(line.text for line in message.lines),
            quote=message.quote,
            footer=message.footer,
            gaps=message.gaps,
            labels=message.labels,
        ),
        alarm=_alarm(message.alarm) if message.alarm else None,
        left_out=(),
    )
    return {**{key: value for key, value in attributes.items() if value}, "data": dump(data)}


def _alarm(alarm: Alarm) -> AlarmPart:
    """The part of the alarm that the schema publishes."""
    values = _cleaned(dump(replace(alarm, findings=tuple(worst_first(alarm.findings)))))
    for finding in values["findings"]:
        finding["attack_names"] = [attack.name(id) for id in finding["attack"]]
    if alarm.capture:
        values["capture"] = alarm.capture.state.value
    return load(AlarmPart, values)


def _cleaned(value: Any, limit: int = _MAX_NAME) -> Any:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return clean(value, limit)
    if isinstance(value, list):
        return [_cleaned(entry, limit) for entry in value]
    if isinstance(value, dict):
        if value.keys() == _OF_A_SYSTEM:
            system = System(**value)
            value = value | {"kind": system.kind, "name": system.name, "place": system.place}
        return {
            key: _tags(entry) if key == "tags" else _cleaned(entry, _LIMITS.get(key, _MAX_NAME))
            for key, entry in value.items()
        }
    return value


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {clean(key, _MAX_TAG): clean(value, _MAX_TAG) for key, value in tags.items()}


def _type_suffix(kind: str) -> str:
    return "".join(char if char.isascii() and char.isalnum() else "_" for char in kind.lower()) or "unknown"
