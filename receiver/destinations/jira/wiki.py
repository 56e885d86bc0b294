"""Composes a message as wiki text, the rich text of Jira Data Center.

A text from outside is escaped and on one line, or is inside a `{noformat}` block that it cannot end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from receiver.destinations.jira.escape import escape_wiki, noformat
from receiver.destinations.size import fitting
from receiver.destinations.wording import MARKS, REPEAT, is_over, safe_links, techniques
from receiver.messages.message import Fact, Message
from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.text import shorten

MAX_LENGTH = 30_000  # characters; Jira takes 32,767

_COLOURS = {Severity.MALICIOUS: "#FFEBE6", Severity.SUSPICIOUS: "#FFFAE6", Severity.INFO: "#DEEBFF"}


def text(message: Message, *, titled: bool = False) -> str:
    """The text of an issue's description, or of a comment if `titled`. Only a comment starts with the title;
    an issue has it in its summary."""
    return _text(fitted(message, titled=titled), titled)


def fitted(message: Message, *, titled: bool = False) -> Message:
    """The message, shortened until it fits into the text."""
    return fitting(message, lambda kept: _text(kept, titled), len, MAX_LENGTH)


def _text(message: Message, titled: bool) -> str:
    return "\n".join(_lines(message, titled))


def _lines(message: Message, titled: bool) -> Iterator[str]:
    if titled:
        yield f"h3. {_line(message.title, 300)}"
    word = f"{MARKS[message.severity]} *{message.severity.value.capitalize()}.* "
    severity = "" if is_over(message) else word
    colour = "#F4F5F7" if is_over(message) else _COLOURS.get(message.severity, "#F4F5F7")
    yield f"{{panel:bgColor={colour}}}\n{severity}{_line(message.summary, 700)}\n{{panel}}"
    if message.maybe_repeat:
        yield f"*{REPEAT}*\n"
    if links := safe_links(message):
        yield " · ".join(f"[{_line(link.text, 100)}|{link.url}]" for link in links) + "\n"
    yield from map(_fact, message.facts)
    if message.findings:
        yield "\nh3. Alarms, worst first\n||Count||Alarm||ATT&CK||"
        yield from map(_finding, message.findings)
    if message.lines:
        yield "\nh3. Systems, worst first"
        yield from (f"* {_line(line, 350)}" for line in message.lines)
    if message.quote:
        yield f"\n{noformat(shorten(message.quote, 2_000))}"
    if message.left_out:
        yield f"\n_{escape_wiki(message.left_out)}_"
    if message.footer:
        yield f"\n{_line(message.footer, 500)}"
    if message.gaps:
        yield "\nh3. Notes"
        yield from (f"* {_line(gap, 350)}" for gap in message.gaps)
    yield f"\n{event_line(message.id)}"


def tells_of(text: Any, event_id: str) -> bool:
    """Whether Jira's text is about this event: then its last line is the event's line."""
    return isinstance(text, str) and text.rstrip().splitlines()[-1:] == [event_line(event_id)]


def event_line(id: str) -> str:
    """The line by which `tells_of` finds the event."""
    return f"Event {{{{{_copyable(id)}}}}}"


def _fact(fact: Fact) -> str:
    value = _copyable(fact.value)
    return f"||{_line(fact.label, 60)}|{f'{{{{{value}}}}}' if fact.code else value}|"


def _finding(finding: Finding) -> str:
    path = f" {{{{{_copyable(finding.path)}}}}}" if finding.path else ""
    links = ", ".join(f"[{_copyable(link.text)}|{link.url}]" for link in techniques(finding))
    count = f"{MARKS[finding.severity]} {finding.count:,}"
    return f"|{count}|{_line(finding.description, 250)}{path}|{links or ' '}|"


def _line(text: str, limit: int) -> str:
    return escape_wiki(" ".join(shorten(text, limit).split()))


def _copyable(text: str) -> str:
    """A text whose dots are not escaped, so that people can copy it. That is safe: the composed message has
    no active link, and Jira links nothing without `://`. Not for the start of a line, where `h1.` is
    markup."""
    line = " ".join(shorten(text, 350).split())
    return _line(line, 350) if "://" in line else ".".join(map(escape_wiki, line.split(".")))
