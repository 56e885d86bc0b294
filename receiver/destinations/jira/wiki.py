"""Composes a message as wiki text, the rich text of Jira Data Center.

A text from outside is escaped and on one line, or is inside a `{noformat}` block that it cannot end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from receiver.destinations.jira.escape import escape_wiki, noformat
from receiver.destinations.size import WORST, fitting, folded_text
from receiver.destinations.wording import MARKS, REPEAT, grouped, is_over, path_of, safe_links, techniques
from receiver.messages.message import Fact, Line, Message, Place
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
    yield from _groups(line for line in message.lines if line.place is not Place.REST)
    yield from map(_fact, message.facts_at(Place.NEWS))
    yield from _findings(f"Alarms, {message.order}", message, message.findings[:WORST])
    rest = [line for line in message.lines if line.place is Place.REST]
    for text in filter(None, (folded_text(message, rest, "below"), message.left_out)):
        yield f"\n_{escape_wiki(text)}_"
    if message.quote:
        yield f"\n{noformat(shorten(message.quote, 2_000))}"
    if holder := message.facts_at(Place.HOLDER):
        yield ""
        yield from map(_fact, holder)
    if links := safe_links(message):
        yield "\n" + " · ".join(f"[{_line(link.text, 100)}|{link.url}]" for link in links)
    if message.footer:
        yield f"\n{_line(message.footer, 500)}"
    if first := message.facts_at(Place.FIRST):
        yield ""
        yield from map(_fact, first)
    if message.gaps:
        yield "\nh3. Notes"
        yield from (f"* {_line(gap, 350)}" for gap in message.gaps)
    yield from _groups(rest)
    yield from _findings("Further kinds of alarm", message, message.findings[WORST:])
    if facts := message.facts_at(Place.REST):
        yield "\nh3. More facts"
        yield from map(_fact, facts)
    yield f"\n{event_line(message.id)}"


def _groups(lines: Iterable[Line]) -> Iterator[str]:
    for group, found in grouped(lines):
        yield f"\nh3. {_line(group, 150)}" if group else ""
        yield from (f"* {_line(line.text, 350)}" for line in found)


def _findings(heading: str, message: Message, findings: tuple[Finding, ...]) -> Iterator[str]:
    if findings:
        yield f"\nh3. {heading}\n||Count||Alarm||ATT&CK||"
        yield from (_finding(finding, path_of(finding, message)) for finding in findings)


def tells_of(text: Any, event_id: str) -> bool:
    """Whether Jira's text is about this event: then its last line is the event's line."""
    return isinstance(text, str) and text.rstrip().splitlines()[-1:] == [event_line(event_id)]


def event_line(id: str) -> str:
    """The line by which `tells_of` finds the event."""
    return f"Event {{{{{_copyable(id)}}}}}"


def _fact(fact: Fact) -> str:
    value = _copyable(fact.value)
    return f"||{_line(fact.label, 60)}|{f'{{{{{value}}}}}' if fact.code else value}|"


def _finding(finding: Finding, whole_path: str) -> str:
    path = f" {{{{{_copyable(whole_path)}}}}}" if whole_path else ""
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
