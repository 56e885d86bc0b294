"""Composes a message as Slack's Block Kit.

Everything is in top-level blocks. Slack folds a coloured attachment behind "Show more", but the findings must
be readable without a click. The mark in the header shows the severity. Every text from outside is escaped and
put into a `plain_text` object or, if it contains a formatting mark, into a code span. So it cannot form a
mention, link or formatting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from receiver.destinations.size import fit
from receiver.destinations.slack.close_menu import MAX_BLOCK_ID, close_menu
from receiver.destinations.slack.escape import escape_slack, flat, mention, safe, slack_code
from receiver.destinations.slack.escape import plain as plain_text
from receiver.destinations.wording import MARKS, REPEAT, one_line_of, safe_links, techniques
from receiver.intake.slack_request import ACKNOWLEDGE, CLOSE, CREATE_ISSUE, MAX_VALUE
from receiver.messages.message import Fact, Link, Message
from shared.config.destinations.slack import LONGEST_SLACK_LINK
from shared.models.event_kinds import ACKNOWLEDGED
from shared.models.evidence import Finding
from shared.text import shorten

# docs.slack.dev/reference/block-kit, counted after escaping. The limit of all texts together is undocumented:
# messages of 11,341 characters and more were refused (github.com/slackapi/bolt-js #2509).
MAX_ALL_TEXT = 9_500
MAX_HEADER = 150
MAX_SECTION = 3_000
MAX_FIELDS = 10
MAX_ELEMENTS = 10
WIDE = 100  # characters; a longer fact takes the whole width


def payload(message: Message, *, buttons: bool = False) -> dict[str, Any]:
    """The body of a post: blocks for the channel, `text` for notifications and screen readers. `buttons`:
    show the buttons of the message's offers as well as those of its links."""
    offers = message.offers if buttons and 0 < len(message.case_key) <= MAX_VALUE else ()
    shown = replace(message, offers=offers)
    return fit(shown, _payload, _text_length, MAX_ALL_TEXT)


def _payload(message: Message) -> dict[str, Any]:
    return {
        "text": flat(one_line_of(message)),
        "blocks": list(_blocks(message)),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def ephemeral_payload(text: str) -> dict[str, Any]:
    """The body of a text that only one user sees. Slack reads no markup in it."""
    section = {"type": "section", "text": plain_text(text, MAX_SECTION)}
    return {"text": flat(text, MAX_SECTION), "blocks": [section]}


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": plain_text(f"{MARKS[message.severity]} {message.title}", MAX_HEADER)}
    if message.maybe_repeat:
        yield _section(f"*{REPEAT}*")
    if message.owner and (owner := mention(message.owner)):
        label = "Taken by" if message.kind == ACKNOWLEDGED else "Owner"
        yield _section(f"*{label}* {owner}")
    if message.summary:
        yield {"type": "section", "text": plain_text(message.summary, 600)}
    yield from _fields(message.facts[:MAX_FIELDS])
    if message.findings:
        yield from map(_section, _joined(["*Alarms, worst first*", *map(_finding, message.findings)]))
    if message.lines:
        yield from map(
            _section, _joined(["*Systems, worst first*", *(f"• {safe(x, 300)}" for x in message.lines)])
        )
    if message.quote:
        escaped = map(escape_slack, message.quote.replace("`", "\u02cb"))
        yield from (_section(f"```\n{part}\n```") for part in _joined(escaped, glue=""))
    yield from _fields(message.facts[MAX_FIELDS:])
    if message.left_out:
        yield _section(f"_{escape_slack(message.left_out)}_")
    yield from _actions(message)
    small = [
        *([safe(message.footer, 500)] if message.footer else []),
        *(f"Note: {safe(gap, 300)}" for gap in message.gaps),
        f"Event {slack_code(shorten(message.id, 200))}",
    ]
    yield {"type": "context", "elements": [_mrkdwn(part) for part in _joined(small)][:MAX_ELEMENTS]}


_OFFERS = {ACKNOWLEDGE: "Acknowledge", CREATE_ISSUE: "Create Jira issue"}


def _actions(message: Message) -> Iterator[dict[str, Any]]:
    menu = [close_menu()] if CLOSE in message.offers and len(message.case_key) <= MAX_BLOCK_ID else []
    links = map(_button, safe_links(message, longest=LONGEST_SLACK_LINK))
    if elements := [*_offers(message), *menu, *links]:
        named = {"block_id": message.case_key} if menu else {}
        yield {"type": "actions", **named, "elements": elements}


def _offers(message: Message) -> Iterator[dict[str, Any]]:
    for offer in filter(_OFFERS.get, message.offers):
        style = {"style": "primary"} if offer == ACKNOWLEDGE else {}
        text = plain_text(_OFFERS[offer], 75)
        yield {"type": "button", "action_id": offer, "text": text, "value": message.case_key, **style}


def _button(link: Link) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": f"open_{link.name}",
        "text": plain_text(link.text, 75),
        "url": link.url,
    }


def _fields(facts: tuple[Fact, ...]) -> Iterator[dict[str, Any]]:
    """In two columns; a long fact takes both."""
    for wide, group in groupby(facts, lambda fact: len(fact.value) > WIDE):
        fields = [_mrkdwn(_field(fact)) for fact in group]
        if wide:
            yield from ({"type": "section", "text": field} for field in fields)
            continue
        for start in range(0, len(fields), MAX_FIELDS):
            yield {"type": "section", "fields": fields[start : start + MAX_FIELDS]}


def _field(fact: Fact) -> str:
    label, value = flat(fact.label), shorten(fact.value, 300)
    return f"*{label}*\n{slack_code(value) if fact.code else safe(value, 300)}"


def _finding(finding: Finding) -> str:
    links = [f"<{link.url}|{escape_slack(link.text)}>" for link in techniques(finding)]
    parts = (
        f"{MARKS[finding.severity]} *{finding.count:,} ×* {safe(finding.description, 200)}",
        ", ".join(links),
        slack_code(shorten(finding.path, 200)),
    )
    return "  ".join(filter(None, parts))


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text)}


def _joined(parts: Iterable[str], glue: str = "\n") -> Iterator[str]:
    """Join escaped parts, each whole, into texts that fit a section."""
    joined: list[str] = []
    length = 0
    for part in parts:
        if joined and length + len(part) > MAX_SECTION - 10:  # room for the fences of a quote
            yield glue.join(joined)
            joined, length = [], 0
        joined.append(part)
        length += len(part) + len(glue)
    if joined:
        yield glue.join(joined)


def _text_length(body: Mapping[str, Any]) -> int:
    return sum(map(len, _texts(body)))


def _texts(node: Any) -> Iterator[str]:
    for key, value in node.items():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                yield from _texts(child)
            elif key == "text":
                yield child
