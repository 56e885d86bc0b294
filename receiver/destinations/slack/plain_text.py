"""Composes a message as plain text. It is used if Slack refuses the layout of the message's blocks.

Such a refusal is a bug of huntbridge or a change at Slack. People must still get the alarm, so it is sent
once more without blocks, and says why.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from receiver.destinations.size import fit
from receiver.destinations.slack.blocks import Form, in_thread, of_form
from receiver.destinations.slack.escape import escape_slack, mention, safe
from receiver.destinations.wording import MARKS, REPEAT, safe_links
from receiver.messages.message import Message
from shared.text import defang

log = logging.getLogger(__name__)

MAX_LENGTH = 3_500  # characters, after escaping; chat.update takes 4,000


def plain_payload(message: Message, refused: str, form: Form = Form.ALONE) -> dict[str, Any]:
    """The body of a post without blocks. `refused`: what Slack said about the layout."""

    def render(kept: Message) -> list[str]:
        return list(_lines(kept, refused))

    shown = of_form(message, form)
    lines = fit(shown, render, _length, MAX_LENGTH, **in_thread(shown, form))
    while _length(lines) > MAX_LENGTH and len(lines) > 3:
        del lines[-2]  # the last line names the event; escaping may make a text five times as long
    return {"text": "\n".join(lines), "unfurl_links": False, "unfurl_media": False}


def plain_text_note(refused: str) -> str:
    return f"sent as plain text, since Slack refused its layout ({refused})"


def report_refused_layout(name: str, message: Message, refused: str) -> None:
    log.error(
        "Slack refuses the layout of a message: this is a fault in huntbridge; sent again as plain text",
        extra={"destination": name, "event": message.id, "reason": refused},
    )


def _length(lines: list[str]) -> int:
    return len("\n".join(lines))


def _lines(message: Message, refused: str) -> Iterator[str]:
    yield f"{MARKS[message.severity]} {_line(message.title, 150)}"
    if message.summary:
        yield _line(message.summary, 300)
    if message.maybe_repeat:
        yield REPEAT
    if message.owner and (owner := mention(message.owner)):
        yield owner
    yield f"Slack refused the layout of this message ({_line(refused, 60)}), so it is plain text."
    yield from (f"{_line(fact.label, 60)}: {_line(fact.value, 300)}" for fact in message.facts)
    for finding in message.findings:
        described = _line(f"{finding.description} {finding.path}", 400)
        yield f"{MARKS[finding.severity]} {finding.count:,} × {described}"
    yield from (f"• {_line(line.text, 300)}" for line in message.lines)
    if message.quote:
        yield _line(message.quote, 1_500)
    if message.left_out:
        yield _line(message.left_out, 300)
    yield from (
        f"<{escape_slack(link.url)}|{_line(link.text, 75)}>" for link in safe_links(message, longest=1_000)
    )
    if message.footer:
        yield _line(message.footer, 500)
    yield from (f"Note: {_line(gap, 300)}" for gap in message.gaps)
    yield f"Event {_line(message.id, 200)}"


def _line(text: str, limit: int) -> str:
    """A line in which no host name becomes a link: Slack links every host name in a plain text, so dots in
    host names are replaced."""
    return safe(defang(text), limit)
