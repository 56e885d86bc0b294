"""Composes a message as an Adaptive Card for Teams.

The card shows what a decision needs, so that it fits the first screen of a phone; the rest is behind the
button "More facts". The card states version 1.4 and uses only elements of 1.2, which mobile apps support too.
A text from outside is only used in a `TextRun`, where Teams reads no Markdown and no mention. The mention of
the owner is in a `TextBlock` of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from receiver.destinations.size import WORST, fit, folded_text
from receiver.destinations.wording import (
    MARKS,
    REPEAT,
    grouped,
    is_over,
    one_line_of,
    path_of,
    safe_links,
    techniques,
)
from receiver.messages.message import Fact, Line, Link, Message, Place
from shared.config.destinations.teams import TEAMS_NAME, TEAMS_USER
from shared.models.evidence import Finding
from shared.models.owners import TeamsUser
from shared.models.severity import Severity
from shared.text import shorten

# Microsoft says "approximately 28 KB" for the whole request (learn.microsoft.com/connectors/teams); about
# 21 KB was measured to pass. Bytes of UTF-8.
MAX_BYTES = 20_000
# After its 202 the workflow puts the card into a JSON string, where each quotation mark and each backslash
# counts twice. It measured a card of 24,453 bytes as 28,897 and refused it; the limit is 28,672.
MAX_MEASURED = 26_000
MAX_QUOTE_LINES = 30
MAX_ACTIONS = 6  # Teams shows no more buttons on a card
MAX_LINES = 12  # on the card; the others are behind the button, unless a decision needs more
MAX_GAPS = 3
MORE = "More facts"
LABEL_WIDTH = "130px"
LINE_WIDTH = 72  # characters of a small monospaced text

_STYLES = {Severity.MALICIOUS: "attention", Severity.SUSPICIOUS: "warning", Severity.INFO: "accent"}


def payload(message: Message, share: float = 1.0) -> bytes:
    """The body of the request: one message with one card, in UTF-8. `share`: of the accepted size."""
    return fit(message, _payload, _share_of_limit, share)


def _share_of_limit(body: bytes) -> float:
    """Above 1 the body is too long."""
    measured = len(body) + body.count(b'"') + body.count(b"\\")
    return max(len(body) / MAX_BYTES, measured / MAX_MEASURED)


def _payload(message: Message) -> bytes:
    request = {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": _card(message),
            }
        ],
    }
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()


def _card(message: Message) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": _inert(shorten(one_line_of(message), 500)),
        "body": list(_body(message)),
    }
    if user := _mentioned(message):
        card["msteams"]["entities"] = [
            {"type": "mention", "text": _at(user), "mentioned": {"id": user.id, "name": user.name}}
        ]
    if actions := list(_actions(message)):
        card["actions"] = actions
    return card


def _actions(message: Message) -> Iterator[dict[str, Any]]:
    """The buttons. A phone cuts off buttons that are beyond the width of the card, so the button *More facts*
    comes early. The button to the EC2 console, and buttons for which there is no room, are behind it."""
    links = safe_links(message)
    shown = [_button(link) for link in links if link.name != "console"]
    behind = [_button(link) for link in links if link.name == "console"]
    room = MAX_ACTIONS - 1
    folded = list(_folded(message))
    if not folded:
        yield from [*shown, *behind]
        return
    card: dict[str, Any] = {"type": "AdaptiveCard", "body": [*folded, _event(message)]}
    if more := [*shown[room:], *behind]:
        card["actions"] = more
    more_facts = {"type": "Action.ShowCard", "title": MORE, "card": card}
    first = sum(link.name in ("platform", "case") for link in links)
    yield from [*shown[:first], more_facts, *shown[first:room]]


def _button(link: Link) -> dict[str, Any]:
    return {"type": "Action.OpenUrl", "title": link.text, "url": link.url}


def _mentioned(message: Message) -> TeamsUser | None:
    """The user whom the card mentions. The configuration has checked the id and the name too; this is the
    last check before sending."""
    user = message.owner.teams if message.owner else None
    if not user or not re.fullmatch(TEAMS_USER, user.id, re.ASCII) or not re.fullmatch(TEAMS_NAME, user.name):
        return None
    return user


def _at(user: TeamsUser) -> str:
    """The text of a mention, which Teams wants to be the same in a TextBlock and in an entity."""
    return f"<at>{user.name}</at>"


def _body(message: Message) -> Iterator[dict[str, Any]]:
    yield _heading(message)
    if user := _mentioned(message):
        yield {"type": "TextBlock", "text": f"Owner: {_at(user)}", "wrap": True}
    if message.maybe_repeat:
        yield _block(_run(REPEAT, italic=True))
    shown, folded = _divided(message.lines)
    yield from _lines(shown)
    yield from map(_short_fact, message.facts_at(Place.NEWS))
    yield from _findings(f"Alarms, {message.order}", message, message.findings[:WORST])
    for text in filter(None, (folded_text(message, folded, MORE), message.left_out)):
        yield _block(_run(text, 400, italic=True))
    if message.quote:
        yield {"type": "Container", "style": "emphasis", "items": list(_quote(message.quote))}
    yield from map(_short_fact, message.facts_at(Place.HOLDER))
    if message.footer:
        yield _block(_run(message.footer, 500))
    yield from map(_note, message.gaps[:MAX_GAPS])
    if not any(_folded(message)):
        yield _event(message)


def _folded(message: Message) -> Iterator[dict[str, Any]]:
    """What no decision needs."""
    _, folded = _divided(message.lines)
    yield from _lines(folded)
    yield from _findings("Further kinds of alarm", message, message.findings[WORST:])
    yield from _facts(message.facts_at(Place.FIRST, Place.REST))
    yield from map(_note, message.gaps[MAX_GAPS:])


def _divided(lines: tuple[Line, ...]) -> tuple[list[Line], list[Line]]:
    """The lines on the card, and those behind the button: what no decision needs and has no room."""
    needed = sum(line.place is Place.NEWS for line in lines)
    shown = [line for line in lines if line.place is not Place.REST]
    room = max(MAX_LINES, needed)
    return shown[:room], [*shown[room:], *(line for line in lines if line.place is Place.REST)]


def _lines(lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    for group, found in grouped(lines):
        yield _group(group, [_block(_run(f"• {line.text}", 350)) for line in found])


def _findings(heading: str, message: Message, findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    if blocks := [block for finding in findings for block in _finding(finding, path_of(finding, message))]:
        yield _group(heading, blocks)


def _short_fact(fact: Fact) -> dict[str, Any]:
    look = {"fontType": "Monospace"} if fact.code else {}
    return _block(_run(f"{fact.label}  ", isSubtle=True), _run(fact.value, 350, **look), spacing="Small")


def _note(gap: str) -> dict[str, Any]:
    return _small(f"Note: {gap}")


def _event(message: Message) -> dict[str, Any]:
    return _small(f"Event {message.id}")


def _small(text: str) -> dict[str, Any]:
    return _block(_run(text, 350, isSubtle=True, size="Small"), spacing="Small")


def _heading(message: Message) -> dict[str, Any]:
    title = _run(f"{MARKS[message.severity]} {message.title}", 300, weight="Bolder", size="Medium")
    items = [_block(title)]
    if message.summary:
        items.append(_block(_run(message.summary, 700), spacing="Small"))
    style = "emphasis" if is_over(message) else _STYLES.get(message.severity, "emphasis")
    return {"type": "Container", "style": style, "bleed": True, "items": items}


def _facts(facts: tuple[Fact, ...]) -> Iterator[dict[str, Any]]:
    for index, fact in enumerate(facts):
        yield _fact(fact, spacing="Small" if index else "Medium")


def _fact(fact: Fact, *, spacing: str) -> dict[str, Any]:
    value = _run(fact.value, 350, **({"fontType": "Monospace"} if fact.code else {}))
    return {
        "type": "ColumnSet",
        "spacing": spacing,
        "columns": [
            {
                "type": "Column",
                "width": LABEL_WIDTH,
                "items": [_block(_run(fact.label, isSubtle=True))],
            },
            {"type": "Column", "width": "stretch", "items": [_block(value)]},
        ],
    }


def _finding(finding: Finding, whole_path: str) -> Iterator[dict[str, Any]]:
    """One block. A path that is too long for it gets one more block for each of its lines."""
    path = list(_wrapped(whole_path))
    inline = [_path(f"  {whole_path}")] if len(path) == 1 else []
    yield _block(*_alarm(finding), *inline)
    for line in path if not inline else ():
        yield _block(_path(line), spacing="None")


def _alarm(finding: Finding) -> Iterator[dict[str, Any]]:
    yield _run(f"{MARKS[finding.severity]} {finding.count:,} × ", weight="Bolder")
    yield _run(finding.description)
    for link in techniques(finding):
        yield _run("  ")
        yield _run(link.text, selectAction={"type": "Action.OpenUrl", "url": link.url})


def _path(text: str) -> dict[str, Any]:
    return _run(text, fontType="Monospace", size="Small")


def _quote(text: str) -> Iterator[dict[str, Any]]:
    """A block for each line: not every client keeps the line breaks inside a run."""
    lines = [part for line in text.splitlines() if line.strip() for part in _wrapped(line)]
    shown = [*lines[: MAX_QUOTE_LINES - 1], " ".join(lines[MAX_QUOTE_LINES - 1 :])]
    for line in filter(None, shown):
        yield _block(_run(line, 1_500, fontType="Monospace", size="Small"), spacing="None")


def _wrapped(text: str) -> Iterator[str]:
    """The text, broken into lines if it has a word that is wider than a card. Teams does not break a run
    within a word, and cuts off what is wider than the card."""
    longest = max(map(len, text.split()), default=0)
    width = LINE_WIDTH if longest > LINE_WIDTH else max(1, len(text))
    for start in range(0, len(text), width):
        yield text[start : start + width]


def _group(title: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    for item in items:
        item.setdefault("spacing", "Small")
    heading = [_block(_run(title, weight="Bolder"))] if title else []
    return {"type": "Container", "spacing": "Medium", "items": [*heading, *items]}


def _block(*runs: dict[str, Any], **look: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(runs), **look}


def _run(text: str, limit: int = 250, **look: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": _inert(shorten(text, limit)), **look}


def _inert(text: str) -> str:
    """A text from outside that can form no `<at>` tag, which a mention needs, and no `{{DATE(…)}}` or
    `{{TIME(…)}}`, which Microsoft's renderer replaces by a date, in a run too."""
    text = re.sub(r"<(?=\s*/?\s*at\b)", "\u2039", text, flags=re.IGNORECASE)
    return re.sub(r"\{(?=\{\s*(DATE|TIME)\b)", "\u2774", text, flags=re.IGNORECASE)
