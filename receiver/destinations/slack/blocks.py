"""Composes a message as Slack's Block Kit.

The first screen of a phone shows the title, the worst finding, what is new and the worst kinds of alarm, then
who has the case, and the buttons. The rest is below. Everything is in top-level blocks, and the
sections that a decision needs say that Slack may not fold them. Slack folds a coloured attachment behind
"Show more", so the mark in the header shows the severity. Every text from outside is escaped and put into a
`plain_text` object or, if it contains a formatting mark, into a code span. So it cannot form a mention, link
or formatting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

from receiver.destinations.size import WORST, fit, folded_text
from receiver.destinations.slack.again_button import again_button
from receiver.destinations.slack.close_menu import MAX_BLOCK_ID, close_menu
from receiver.destinations.slack.escape import escape_slack, flat, mention, safe, slack_code
from receiver.destinations.slack.escape import plain as plain_text
from receiver.destinations.slack.mute_menu import mute_menu
from receiver.destinations.wording import (
    MARKS,
    REPEAT,
    grouped,
    one_line_of,
    path_of,
    safe_links,
    techniques,
)
from receiver.intake.slack_request import (
    ACKNOWLEDGE,
    CAPTURE_AGAIN,
    CLOSE,
    CREATE_ISSUE,
    MAX_VALUE,
    MUTE,
    UNTIL_NEXT_HUNT,
)
from receiver.messages.message import Fact, Line, Link, Message, Place
from shared.config.destinations.slack import LONGEST_SLACK_LINK
from shared.models.event_kinds import ACKNOWLEDGED
from shared.models.evidence import Finding
from shared.text import shorten

# docs.slack.dev/reference/block-kit, counted after escaping. The limit of all texts together is undocumented:
# messages of 11,341 characters and more were refused (github.com/slackapi/bolt-js #2509).
MAX_ALL_TEXT = 9_500
MAX_HEADER = 150
MAX_SECTION = 3_000
MAX_ELEMENTS = 10
MAX_PUSH = 800  # characters of the text for notifications, before escaping
MAX_GAPS = 3  # shown in a message whose thread has them all


class Form(Enum):
    """How much of a message a post holds."""

    WHOLE = "everything"
    ALONE = "the rest without the facts that matter least: a webhook has no thread for them"
    HEAD = "what a decision needs; the rest is in the thread"


def payload(message: Message, *, buttons: bool = False, form: Form = Form.ALONE) -> dict[str, Any]:
    """The body of a post: blocks for the channel, `text` for notifications and screen readers. `buttons`:
    show the buttons of the message's offers as well as those of its links."""
    offers = message.offers if buttons and 0 < len(message.case_key) <= MAX_VALUE else ()
    shown = of_form(replace(message, offers=offers), form)
    return fit(shown, _payload, _text_length, MAX_ALL_TEXT, **in_thread(shown, form))


def of_form(message: Message, form: Form) -> Message:
    """The message, without the facts that a post without a thread does not show."""
    if form is not Form.ALONE:
        return message
    return replace(message, facts=message.facts_at(Place.NEWS, Place.HOLDER, Place.FIRST))


def in_thread(message: Message, form: Form) -> dict[str, Any]:
    """What `fit` needs to know of a post whose thread has the rest: what it shows, and where the rest
    is."""
    if form is not Form.HEAD:
        return {}
    short = replace(
        message,
        facts=message.facts_at(Place.NEWS, Place.HOLDER),
        findings=message.findings[:WORST],
        lines=tuple(line for line in message.lines if line.place is not Place.REST),
        gaps=message.gaps[:MAX_GAPS],
    )
    return {"short": short, "elsewhere": "in the thread"}


def _payload(message: Message) -> dict[str, Any]:
    return {
        "text": safe(one_line_of(message), MAX_PUSH),
        "blocks": list(_blocks(message)),
        "unfurl_links": False,
        "unfurl_media": False,
    }


def ephemeral_payload(text: str, links: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """The body of a text that only one user sees. Slack reads no markup in it. Each link is a button: its
    text and its address."""
    shown = [Link(str(n), label, url) for n, (label, url) in enumerate(links, 1)]
    section = {"type": "section", "text": plain_text(text, MAX_SECTION)}
    buttons = [{"type": "actions", "elements": list(map(_button, shown))}] if shown else []
    written = (f"<{escape_slack(link.url)}|{flat(link.text, 75)}>" for link in shown)
    return {"text": " ".join([flat(text, MAX_SECTION), *written]), "blocks": [section, *buttons]}


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": plain_text(f"{MARKS[message.severity]} {message.title}", MAX_HEADER)}
    if message.maybe_repeat:
        yield _section(f"*{REPEAT}*")
    if message.summary:
        yield {"type": "section", "text": plain_text(message.summary, 1_000), "expand": True}
    rest = [line for line in message.lines if line.place is Place.REST]
    yield from _lines(line for line in message.lines if line.place is not Place.REST)
    yield from _facts(message.facts_at(Place.NEWS))
    yield from _findings(f"*Alarms, {message.order}*", message, message.findings[:WORST])
    for text in (folded_text(message, rest, "below"), message.left_out):
        if text:
            yield _section(f"_{escape_slack(text)}_")
    if message.quote:
        escaped = map(escape_slack, message.quote.replace("`", "\u02cb"))
        yield from (_section(f"```\n{part}\n```") for part in _joined(escaped, glue=""))
    yield from _holder(message)
    if message.footer:
        yield _section(safe(message.footer, 500))
    yield from _actions(message)
    yield from _lines(rest)
    yield from _findings("*Further kinds of alarm*", message, message.findings[WORST:])
    yield from _facts(message.facts_at(Place.FIRST, Place.REST))
    small = [
        *(f"Note: {safe(gap, 300)}" for gap in message.gaps),
        f"Event {slack_code(shorten(message.id, 200))}",
    ]
    yield {"type": "context", "elements": [_mrkdwn(part) for part in _joined(small)][:MAX_ELEMENTS]}


def _holder(message: Message) -> Iterator[dict[str, Any]]:
    """Who has the case, and the mention of the owner or of who has just taken it. Nobody has it while it is
    offered: only a message that is edited has that button."""
    owner = mention(message.owner) if message.owner else ""
    label = "Taken by" if message.kind == ACKNOWLEDGED else "Owner"
    facts = ["*Taken by* nobody yet"] if ACKNOWLEDGE in message.offers else []
    for fact in message.facts_at(Place.HOLDER):
        if owner and fact.label == label:
            facts.append(f"*{label}* {owner} · {safe(fact.value, 300)}")
            owner = ""
        else:
            facts.append(_fact(fact))
    yield from map(_section, _joined([*facts, *([f"*{label}* {owner}"] if owner else [])]))


_OFFERS = {ACKNOWLEDGE: "Acknowledge", CREATE_ISSUE: "Create Jira issue"}


def _actions(message: Message) -> Iterator[dict[str, Any]]:
    menus = list(_menus(message)) if len(message.case_key) <= MAX_BLOCK_ID else []
    links = map(_button, safe_links(message, longest=LONGEST_SLACK_LINK))
    again = [again_button(message.case_key)] if CAPTURE_AGAIN in message.offers else []
    if elements := [*_offers(message), *menus, *again, *links]:
        named = {"block_id": message.case_key} if menus else {}
        yield {"type": "actions", **named, "elements": elements}


def _offers(message: Message) -> Iterator[dict[str, Any]]:
    for offer in filter(_OFFERS.get, message.offers):
        style = {"style": "primary"} if offer == ACKNOWLEDGE else {}
        text = plain_text(_OFFERS[offer], 75)
        yield {"type": "button", "action_id": offer, "text": text, "value": message.case_key, **style}


def _menus(message: Message) -> Iterator[dict[str, Any]]:
    if CLOSE in message.offers:
        yield close_menu()
    if MUTE in message.offers:
        yield mute_menu(next_hunt=UNTIL_NEXT_HUNT in message.offers)


def _button(link: Link) -> dict[str, Any]:
    return {
        "type": "button",
        "action_id": f"open_{link.name}",
        "text": plain_text(link.text, 75),
        "url": link.url,
    }


def _facts(facts: Iterable[Fact]) -> Iterator[dict[str, Any]]:
    """One line for each: a phone shows two columns below each other."""
    yield from map(_section, _joined(map(_fact, facts)))


def _fact(fact: Fact) -> str:
    label, value = flat(fact.label), shorten(fact.value, 300)
    return f"*{label}* {slack_code(value) if fact.code else safe(value, 300)}"


def _lines(lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    for group, found in grouped(lines):
        heading = [f"*{flat(group)}*"] if group else []
        yield from map(_section, _joined([*heading, *(f"• {safe(line.text, 300)}" for line in found)]))


def _findings(heading: str, message: Message, findings: Iterable[Finding]) -> Iterator[dict[str, Any]]:
    if shown := [_finding(finding, path_of(finding, message)) for finding in findings]:
        yield from map(_section, _joined([heading, *shown]))


def _finding(finding: Finding, path: str) -> str:
    links = [f"<{link.url}|{escape_slack(link.text)}>" for link in techniques(finding)]
    parts = (
        f"{MARKS[finding.severity]} *{finding.count:,} ×* {safe(finding.description, 200)}",
        ", ".join(links),
        slack_code(shorten(path, 200)),
    )
    return "  ".join(filter(None, parts))


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(text), "expand": True}


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
