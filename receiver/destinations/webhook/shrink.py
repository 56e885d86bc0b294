"""Shortens a document that is too long, by dropping entries of its lists and texts in a fixed order.

`data.left_out` of the document says what was dropped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from shared.text import shorten

# Keys of `data`, in the order in which they are shortened, each from its end, and how many entries stay.
_ORDER = (
    ("alarm.event.report.captures", 0),
    ("alarm.event.report.quiet.first", 0),
    ("alarm.findings", 0),
    ("alarm.change.new_kinds", 0),
    ("alarm.instance.tags", 0),
    ("alarm.instance.security_groups", 0),
    ("message.lines", 0),
    ("message.quote", 0),
    ("alarm.gaps", 0),
    ("alarm.event.report.problems", 0),
    ("alarm.event.report.left_out", 0),
    ("message.facts", 3),
    ("message.gaps", 0),
    ("alarm.event.text", 0),
)


def shrunk(event: dict[str, Any], limit: int) -> bytes:
    """The document in UTF-8, at most `limit` bytes long. Changes `event`."""
    document = _serialized(event)
    for path, least in _ORDER:
        if len(document) <= limit:
            break
        _shorten(event, path, least, limit)
        document = _serialized(event)
    return document


def _shorten(event: dict[str, Any], path: str, least: int, limit: int) -> None:
    """Binary-search how many entries of `path` fit. At least `least` of them stay, even if they do not
    fit."""
    *steps, key = path.split(".")
    holder: Any = event["data"]
    for step in steps:
        holder = holder and holder[step]
    if not holder or len(holder[key]) <= least:
        return
    entries, left_out = holder[key], event["data"]["left_out"]
    note = {"what": path, "kept": least, "of": len(entries)}
    left_out.append(note)

    def keep(count: int) -> bool:
        holder[key], note["kept"] = _first(entries, count), count
        return _fits(event, limit)

    low, high = least, len(entries)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keep(middle) else (low, middle)
    keep(low)


def _first(entries: Any, count: int) -> Any:
    if isinstance(entries, str):
        return shorten(entries, count)
    return dict(list(entries.items())[:count]) if isinstance(entries, dict) else entries[:count]


def _fits(event: Mapping[str, Any], limit: int) -> bool:
    return len(_serialized(event)) <= limit


def _serialized(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
