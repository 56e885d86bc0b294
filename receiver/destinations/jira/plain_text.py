"""Composes a message as a short plain text, for a Jira that refuses the form or the size of the full text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.escape import escape_wiki
from receiver.destinations.size import fit
from receiver.destinations.wording import MARKS, REPEAT
from receiver.messages.message import Message
from shared.text import defang, one_line

MAX_LENGTH = 2_000  # characters; an administrator may set a limit far below Jira's own 32,767


def plain_text(message: Message, *, cloud: bool) -> Any:
    """The text of a description or a comment. Its last line names the event, like that of the full text."""
    lines = fit(message, lambda kept: list(_lines(kept)), lambda lines: len("\n".join(lines)), MAX_LENGTH)
    if cloud:
        return adf.plain("\n".join([*lines, adf.event_line(message.id)]))
    return "\n".join([*map(escape_wiki, lines), wiki.event_line(message.id)])


def _lines(message: Message) -> Iterator[str]:
    texts = (
        f"{MARKS[message.severity]} {message.title}",
        REPEAT if message.maybe_repeat else "",
        message.summary,
        "Jira refused the form or the size of the whole message, so it is short and plain.",
        *(f"{fact.label}: {fact.value}" for fact in message.facts),
        *(
            f"{MARKS[finding.severity]} {finding.count:,} × {finding.description} {finding.path}"
            for finding in message.findings
        ),
        *(line.text for line in message.lines),
        message.quote,
        message.left_out,
        *(f"Note: {gap}" for gap in message.gaps),
    )
    yield from filter(None, (one_line(defang(text), 400) for text in texts))
