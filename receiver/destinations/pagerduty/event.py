"""Composes a message as an event of PagerDuty's Events API v2.

A person reads the summary on a phone at night, so it begins with the title. The facts are in the details.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from receiver.destinations.paging import Act, case_id, content, instance_of, source_of
from receiver.destinations.size import fit
from receiver.destinations.wording import REPEAT, grouped, one_line_of, safe_links
from receiver.messages.message import Message
from receiver.messages.safe_text import harmless_line
from shared.config.destinations.pagerduty import PagerDutyConfig
from shared.models.evidence import Finding
from shared.text import shorten

# developer.pagerduty.com, Events API v2
MAX_KEY = 255
MAX_SUMMARY = 1_024
MAX_BYTES = 511_000  # of 512 kB; the routing key comes on top
SHORT_BYTES = 2_000  # of a message that a proxy refused for its size
_MAX_TEXT = 1_000  # characters of a text in the details


def event(act: Act, message: Message, config: PagerDutyConfig, limit: int = MAX_BYTES) -> dict[str, Any]:
    """The event without the routing key. Serialized it is at most `limit` bytes long."""
    if act is Act.TRIGGER:
        return _trigger(message, config, limit)
    return {"event_action": act.value, "dedup_key": case_id(message, MAX_KEY)}


def serialized(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _trigger(message: Message, config: PagerDutyConfig, limit: int) -> dict[str, Any]:
    """An event that opens an incident for the message's case, or adds to the open one."""
    return fit(
        content(message),
        lambda kept: _event(message, kept, config),
        lambda body: len(serialized(body)),
        limit,
    )


def _event(message: Message, kept: Message, config: PagerDutyConfig) -> dict[str, Any]:
    """`kept`: what there is room for of the message that says what the case is about."""
    links = safe_links(kept)
    parts = {
        "summary": shorten(one_line_of(message), MAX_SUMMARY),
        "source": source_of(message),
        "severity": config.severity(message.severity.value),
        "timestamp": message.alarm.event.received_at.isoformat() if message.alarm else "",
        "component": instance_of(message),
        "class": message.kind,
        "custom_details": dict(_details(message, kept)),
    }
    body = {
        "event_action": Act.TRIGGER.value,
        "dedup_key": case_id(message, MAX_KEY),
        "payload": {name: value for name, value in parts.items() if value},
        "client": "huntbridge",
        "links": [{"href": link.url, "text": link.text} for link in links],
    }
    return body | ({"client_url": links[0].url} if links else {})


def _details(message: Message, kept: Message) -> Iterator[tuple[str, Any]]:
    yield "Severity", message.severity.value
    if message.maybe_repeat:
        yield "Note", REPEAT
    for label, value in _facts(kept):
        yield label, shorten(value, _MAX_TEXT)
    parts = {
        "Alarms, worst first": [_finding(finding) for finding in kept.findings],
        **{
            group or "Lines": [shorten(line.text, _MAX_TEXT) for line in lines]
            for group, lines in grouped(kept.lines)
        },
        "Quoted text": shorten(kept.quote, 3 * _MAX_TEXT),
        "Left out": kept.left_out,
        "Not known": [shorten(gap, _MAX_TEXT) for gap in kept.gaps],
        "Footer": shorten(kept.footer, _MAX_TEXT),
        "Case": harmless_line(message.case_key, 300),
        "Event": message.id,
    }
    yield from ((name, value) for name, value in parts.items() if value)


def _facts(message: Message) -> Iterator[tuple[str, str]]:
    """The facts. Of two with the same label, the second has a number behind it: a key is there once."""
    seen: dict[str, int] = {}
    for fact in message.facts:
        seen[fact.label] = number = seen.get(fact.label, 0) + 1
        yield (f"{fact.label} {number}" if number > 1 else fact.label), fact.value


def _finding(finding: Finding) -> str:
    text = f"{finding.count:,} × {finding.description}"
    text = f"{text} [{', '.join(finding.attack)}]" if finding.attack else text
    return shorten(f"{text}  {finding.path}" if finding.path else text, _MAX_TEXT)
