"""Composes a message as an Atlassian Document, the rich text of Jira Cloud.

Text in a document is data and not markup, so nothing is escaped. Jira refuses an empty text node.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from receiver.destinations.size import WORST, fitting, folded_text
from receiver.destinations.wording import MARKS, REPEAT, grouped, is_over, path_of, safe_links, techniques
from receiver.messages.message import Fact, Line, Message, Place
from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.text import shorten

# Jira takes 32,767 characters; whether it counts the text or the serialized document is not documented.
MAX_LENGTH = 30_000
MORE = "More facts"

Node = dict[str, Any]
_EVENT = "Event "
_PANELS = {Severity.MALICIOUS: "error", Severity.SUSPICIOUS: "warning", Severity.INFO: "info"}


def document(message: Message, *, titled: bool = False) -> Node:
    """The text of an issue's description, or of a comment if `titled`. Only a comment starts with the title;
    an issue has it in its summary."""
    return _document(fitted(message, titled=titled), titled)


def fitted(message: Message, *, titled: bool = False) -> Message:
    """The message, shortened until it fits into the document."""
    return fitting(message, lambda kept: _document(kept, titled), _length, MAX_LENGTH)


def plain(text: str) -> Node:
    """A document with the unchanged text: one paragraph for each line."""
    lines = filter(None, (line.strip() for line in text.splitlines()))
    return {"type": "doc", "version": 1, "content": [_paragraph(_text(line, len(line))) for line in lines]}


def tells_of(node: Any, event_id: str) -> bool:
    """Whether Jira's document is about this event: then one of its paragraphs is the event's line. Other
    mentions of the event do not count."""
    return any(
        block.get("type") == "paragraph"
        and "".join(str(part.get("text", "")) for part in _parts(block)) == f"{_EVENT}{event_id}"
        for block in _parts(node)
    )


def _parts(node: Any) -> list[Node]:
    """The nodes inside a node of Jira's document; empty if the node is malformed."""
    content = node.get("content") if isinstance(node, dict) else None
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def _length(node: Node) -> int:
    return len(json.dumps(node, ensure_ascii=False))


def _document(message: Message, titled: bool) -> Node:
    return {"type": "doc", "version": 1, "content": list(_content(message, titled))}


def _content(message: Message, titled: bool) -> Iterator[Node]:
    if titled:
        yield _heading(message.title)
    severity = (
        "" if is_over(message) else f"{MARKS[message.severity]} {message.severity.value.capitalize()}. "
    )
    summary = f"{severity}{message.summary}".rstrip()
    panel = {"panelType": "info" if is_over(message) else _PANELS.get(message.severity, "note")}
    yield {"type": "panel", "attrs": panel, "content": [_paragraph(_text(summary, 700))]}
    if message.maybe_repeat:
        yield _paragraph(_text(REPEAT, mark="strong"))
    yield from _lines(line for line in message.lines if line.place is not Place.REST)
    yield from map(_short_fact, message.facts_at(Place.NEWS))
    yield from _findings(f"Alarms, {message.order}", message, message.findings[:WORST])
    rest = [line for line in message.lines if line.place is Place.REST]
    for text in filter(None, (folded_text(message, rest, MORE), message.left_out)):
        yield _paragraph(_text(text, 400, mark="em"))
    if message.quote:
        yield {"type": "codeBlock", "content": [_text(message.quote, 2_000)]}
    yield from map(_short_fact, message.facts_at(Place.HOLDER))
    if links := [_link(link.text, link.url) for link in safe_links(message)]:
        yield _paragraph(*_between(links, " · "))
    if message.footer:
        yield _paragraph(_text(message.footer, 500))
    yield from _facts(message.facts_at(Place.FIRST))
    if message.gaps:
        yield _heading("Notes")
        yield _bullets(message.gaps)
    if folded := list(_folded(message)):
        yield {"type": "expand", "attrs": {"title": MORE}, "content": folded}
    yield _paragraph(_text(_EVENT), _text(message.id, mark="code"))


def _folded(message: Message) -> Iterator[Node]:
    """What no decision needs."""
    yield from _lines(line for line in message.lines if line.place is Place.REST)
    yield from _findings("Further kinds of alarm", message, message.findings[WORST:])
    yield from _facts(message.facts_at(Place.REST))


def _lines(lines: Iterable[Line]) -> Iterator[Node]:
    for group, found in grouped(lines):
        if group:
            yield _heading(group)
        yield _bullets(line.text for line in found)


def _facts(facts: tuple[Fact, ...]) -> Iterator[Node]:
    if facts:
        yield _table(map(_fact, facts))


def _findings(heading: str, message: Message, findings: tuple[Finding, ...]) -> Iterator[Node]:
    """A list: a table of three columns does not fit a phone."""
    if findings:
        yield _heading(heading)
        items = [_finding(finding, path_of(finding, message)) for finding in findings]
        yield {"type": "bulletList", "content": items}


def event_line(id: str) -> str:
    """The line by which `tells_of` finds the event."""
    return f"{_EVENT}{shorten(id, 350)}"


def _fact(fact: Fact) -> list[Node]:
    value = _text(fact.value, 350, mark="code" if fact.code else "")
    return [_cell("tableHeader", _text(fact.label)), _cell("tableCell", value)]


def _short_fact(fact: Fact) -> Node:
    """A line of its own, for the first screen of a phone."""
    return _paragraph(
        _text(fact.label, mark="strong"), _text(" "), _text(fact.value, mark="code" if fact.code else "")
    )


def _finding(finding: Finding, path: str) -> Node:
    count = _text(f"{MARKS[finding.severity]} {finding.count:,} ×", mark="strong")
    parts = [count, _text(" "), _text(finding.description)]
    for link in techniques(finding):
        parts += [_text("  "), _link(link.text, link.url)]
    content = [_paragraph(*parts)]
    if path:
        content.append(_paragraph(_text(path, mark="code")))
    return {"type": "listItem", "content": content}


def _between(nodes: list[Node], glue: str) -> Iterator[Node]:
    for index, node in enumerate(nodes):
        if index:
            yield _text(glue)
        yield node


def _text(text: str, limit: int = 350, mark: str = "") -> Node:
    node: Node = {"type": "text", "text": shorten(text, limit) or "-"}
    if mark:
        node["marks"] = [{"type": mark}]
    return node


def _link(text: str, url: str) -> Node:
    return {**_text(text), "marks": [{"type": "link", "attrs": {"href": url}}]}


def _paragraph(*content: Node) -> Node:
    return {"type": "paragraph", "content": list(content)}


def _heading(text: str) -> Node:
    return {"type": "heading", "attrs": {"level": 3}, "content": [_text(text)]}


def _cell(type: str, *content: Node) -> Node:
    return {"type": type, "content": [_paragraph(*content)]}


def _table(rows: Iterable[list[Node]]) -> Node:
    return {"type": "table", "content": [{"type": "tableRow", "content": cells} for cells in rows]}


def _bullets(texts: Iterable[str]) -> Node:
    items = [{"type": "listItem", "content": [_paragraph(_text(text))]} for text in texts]
    return {"type": "bulletList", "content": items}
