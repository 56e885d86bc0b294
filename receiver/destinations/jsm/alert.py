"""Composes a message as an alert of Jira Service Management, or as what is added to an alert.

All texts are plain. JSM may show some HTML, so a text from outside can form no tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from receiver.destinations.paging import content, decided_by, digest, instance_of
from receiver.destinations.size import fit
from receiver.destinations.wording import MARKS, REPEAT, grouped, safe_links
from receiver.messages.message import Message
from receiver.messages.safe_text import harmless_line
from shared.config.destinations.jsm import JsmConfig
from shared.text import shorten

# docs.opsgenie.com, Alert API: the same limits are expected of JSM's alerts.
MAX_MESSAGE = 130
MAX_DESCRIPTION = 15_000
MAX_NOTE = 15_000  # of 25,000
SHORT_DESCRIPTION = 2_000  # of a message that a proxy refused for its size
MAX_TAGS, MAX_TAG = 20, 50
_MAX_DETAIL = 500
_MAX_LINE = 1_000
_SOURCE = "huntbridge"


def alias_of(message: Message) -> str:
    """The alias of the case's alert. It is part of a URL, so it has letters, digits and `-` only."""
    return f"huntbridge-{digest(message.case_key or message.id)}"


def create(message: Message, config: JsmConfig, limit: int = MAX_DESCRIPTION) -> dict[str, Any]:
    """A new alert. If the case's alert is open, JSM only counts that it came again."""
    parts = {
        "message": _inert(shorten(message.title, MAX_MESSAGE)),
        "alias": alias_of(message),
        "description": fit(content(message), lambda kept: _description(message, kept), len, limit),
        "priority": config.priority(message.severity.value),
        "entity": _inert(instance_of(message)),
        "source": _SOURCE,
        "tags": [shorten(label, MAX_TAG) for label in message.labels[:MAX_TAGS]],
        "details": dict(_details(message)),
    }
    return {name: value for name, value in parts.items() if value}


def note(message: Message, limit: int = MAX_NOTE) -> dict[str, Any]:
    """What the message says, for the alert that is there."""
    return {
        "note": fit(message, lambda kept: _description(message, kept, titled=True), len, limit),
        **_by(message),
    }


def change(message: Message) -> dict[str, Any]:
    """What goes with an acknowledgement or a closing."""
    return {"note": _inert(shorten(_heading(message), _MAX_LINE)), **_by(message)}


def _by(message: Message) -> dict[str, str]:
    who = _inert(decided_by(message))
    return {"source": _SOURCE, **({"user": who} if who else {})}


def _details(message: Message) -> Iterator[tuple[str, str]]:
    parts = {
        "Severity": message.severity.value,
        "System": instance_of(message),
        "Case": harmless_line(message.case_key, 300),
        "Event": message.id,
        **{link.text: link.url for link in safe_links(message, longest=_MAX_DETAIL)[:3]},
    }
    yield from ((_inert(name), _inert(shorten(value, _MAX_DETAIL))) for name, value in parts.items() if value)


def _description(message: Message, kept: Message, *, titled: bool = False) -> str:
    """`kept`: what there is room for."""
    return "\n".join(filter(None, _lines(message, kept, titled=titled)))


def _lines(message: Message, kept: Message, *, titled: bool) -> Iterator[str]:
    if titled:
        yield _line(f"{MARKS[message.severity]} {message.title}")
    elif len(message.title) > MAX_MESSAGE:
        yield _line(message.title)
    yield _line(message.summary)
    if message.maybe_repeat:
        yield REPEAT
    for fact in kept.facts:
        yield _line(f"{fact.label}: {fact.value}")
    if kept.findings:
        yield f"Alarms, {message.order}:"
    for finding in kept.findings:
        named = f" [{', '.join(finding.attack)}]" if finding.attack else ""
        text = f"{MARKS[finding.severity]} {finding.count:,} × {finding.description}{named} {finding.path}"
        yield _line(text.rstrip())
    for group, lines in grouped(kept.lines):
        if group:
            yield f"{_line(group)}:"
        yield from (_line(line.text) for line in lines)
    yield from map(_line, kept.quote.splitlines())
    yield _line(kept.left_out)
    yield _line(kept.footer)
    for gap in kept.gaps:
        yield _line(f"Note: {gap}")
    for link in safe_links(kept):
        yield f"{_inert(link.text)}: {link.url}"
    yield f"Event {_inert(message.id)}"


def _heading(message: Message) -> str:
    return f"{message.title}. {message.summary}" if message.summary else message.title


def _line(text: str) -> str:
    return _inert(shorten(text, _MAX_LINE))


def _inert(text: str) -> str:
    """A text that can form no tag of HTML."""
    return text.replace("<", "\u2039").replace(">", "\u203a")
