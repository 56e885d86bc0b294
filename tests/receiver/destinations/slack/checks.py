"""Checks that a message for Slack is valid, within every limit, and harmless."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.models.blocks import Block

from receiver.destinations.slack import blocks as slack
from receiver.destinations.slack import plain_text as slack_plain
from receiver.destinations.slack.case_thread import CaseThread
from receiver.destinations.slack.parent import parent, parent_form, without_mention
from receiver.messages.compose import compose
from receiver.messages.message import CaseStatus, Message
from shared.models.alarms import Alarm
from shared.models.severity import Severity
from tests.receiver.destinations.message_checks import (
    ISSUE,
    LINK_HOSTS,
    LIVE,
    OFFERS,
    told,
)

# Slack's limits: docs.slack.dev/reference/block-kit, counted after escaping


def slack_problems(body: dict[str, Any]) -> Iterator[str]:
    blocks = body["blocks"]
    if not 1 <= len(blocks) <= 50:
        yield f"{len(blocks)} blocks"
    if len(body["text"]) > 4_000 or not body["text"]:
        yield f"text of {len(body['text'])}"
    if (total := len(body["text"]) + sum(len(text) for text, _ in slack_texts(body))) > 10_000:
        yield f"{total} characters in all"
    if len(body.get("attachments", [])) > 20:
        yield "attachments"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)) or any(len(id) > 255 for id in ids):
        yield "block_id"
    for block in blocks:
        yield from SLACK_BLOCKS[block["type"]](block)


def text_problems(
    text: dict[str, Any], limit: int, types: tuple[str, ...] = ("mrkdwn", "plain_text")
) -> Iterator[str]:
    if text["type"] not in types:
        yield f"a text of type {text['type']}"
    if not 1 <= len(text["text"]) <= limit:
        yield f"{len(text['text'])} of {limit} characters: {text['text'][:50]}"
    if text["type"] == "mrkdwn" and text.get("verbatim") is not True:
        yield "mrkdwn that is not verbatim"
    if text["type"] == "plain_text" and text.get("emoji") is not False:
        yield "plain text with emoji"


def header_problems(block: dict[str, Any]) -> Iterator[str]:
    yield from text_problems(block["text"], 150, ("plain_text",))


def section_problems(block: dict[str, Any]) -> Iterator[str]:
    if "text" in block:
        yield from text_problems(block["text"], 3_000)
    fields = block.get("fields", [])
    if ("text" not in block and not fields) or len(fields) > 10:
        yield f"{len(fields)} fields"
    for field in fields:
        yield from text_problems(field, 2_000)


def context_problems(block: dict[str, Any]) -> Iterator[str]:
    if not 1 <= len(block["elements"]) <= 10:
        yield f"{len(block['elements'])} elements"
    for element in block["elements"]:
        yield from text_problems(element, 3_000)


def actions_problems(block: dict[str, Any]) -> Iterator[str]:
    elements = block["elements"]
    if not 1 <= len(elements) <= 25:
        yield f"{len(elements)} buttons and menus"
    actions = [element["action_id"] for element in elements]
    if len(actions) != len(set(actions)) or any(len(action) > 255 for action in actions):
        yield "action_id"
    buttons = [element for element in elements if element["type"] == "button"]
    for menu in elements:
        if menu not in buttons:
            yield from menu_problems(menu)
    for button in buttons:
        yield from text_problems(button["text"], 75, ("plain_text",))
        if not ("value" in button or "url" in button):
            yield "a button that does nothing"
        if len(button.get("value", "")) > 2_000 or len(button.get("url", "")) > 3_000:
            yield "a value or a url that is too long"


def menu_problems(menu: dict[str, Any]) -> Iterator[str]:
    if menu["type"] != "static_select" or not 1 <= len(menu["options"]) <= 100:
        yield f"{menu['type']} with {len(menu['options'])} options"
    yield from text_problems(menu["placeholder"], 150, ("plain_text",))
    for option in menu["options"]:
        yield from text_problems(option["text"], 75, ("plain_text",))
        if not 1 <= len(option["value"]) <= 75:
            yield f"an option's value of {len(option['value'])} characters"
    for key, limit in {"title": 100, "text": 300, "confirm": 30, "deny": 30}.items():
        yield from text_problems(menu["confirm"][key], limit, ("plain_text",))


SLACK_BLOCKS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "header": header_problems,
    "section": section_problems,
    "context": context_problems,
    "actions": actions_problems,
}


def slack_texts(node: Any) -> Iterator[tuple[str, str]]:
    """Every text object, with its type."""
    if isinstance(node, list):
        for item in node:
            yield from slack_texts(item)
    elif isinstance(node, dict):
        if node.get("type") in ("mrkdwn", "plain_text"):
            yield node["text"], node["type"]
        else:
            for item in node.values():
                yield from slack_texts(item)


OWN_MARKUP = re.compile(
    r"^\*(?:Owner|Taken by)\* <@U0123456789>(?: ·|$)"  # the mention in the alarms of `Fuzz`
    r"|^\*[A-Z][A-Za-z /,\u02cd\u2217-]*\*(?= |$)"  # a label, a heading
    r"|^\*(?:New|Nothing new) since the hunt of [0-9-]+ [0-9:]+ UTC"
    r"(?:: [0-9,]+ alarms? on [0-9,]+ systems?)?\*$"
    r"|\*[0-9,]+ ×\*"  # how often
    r"|<https://attack\.mitre\.org/(?:techniques|tactics)/[TA0-9/]+\|[TA0-9.]+[A-Za-z0-9 .()/&;-]*>"
    r"|^_(?:[0-9a-z ,()]+: (?:open in the platform|in the thread|below)(?:\. )?)?"
    r"(?:Of kinds that the platform did not list: [0-9a-z ,]+)?_$",
    re.MULTILINE | re.ASCII,
)
CODE = re.compile(r"```\n[^`]*\n```|`[^`\n]+`")


def check_slack(alarm: Alarm) -> None:
    check_blocks(slack.payload(told(alarm)))


def check_slack_bot(alarm: Alarm) -> None:
    """The parent of a case that was less severe before, and of one that was more severe, with all buttons."""
    message = compose(
        alarm, case=CaseStatus(acknowledgement=alarm.acknowledgement, issue=ISSUE, offers=OFFERS)
    )
    for severity, title in (
        (Severity.INFO, "x"),
        (Severity.MALICIOUS, f"Worse: {message.title}"),
    ):
        case = CaseThread("#soc", "C0123456789", "1.1", severity, 10**9, 0, 1_233, title).after(message)
        assert CaseThread.parse(case.format()) == case
        for form in slack.Form:
            check_blocks(slack.payload(parent(message, case), buttons=True, form=form))


def check_blocks(body: dict[str, Any]) -> None:
    assert list(slack_problems(body)) == []
    for block in Block.parse_all(body["blocks"]):
        block.to_dict()  # the SDK's models raise for a broken limit
    texts = [*slack_texts(body), (body["text"], "mrkdwn")]
    for text, kind in texts:
        if kind == "mrkdwn":
            rest = OWN_MARKUP.sub("", CODE.sub("", text))
            assert not set("<>*_~`") & set(rest), text
            assert not re.search(r"[<>]", "".join(CODE.findall(text)))
        assert not re.search("<[!@#]|<http", OWN_MARKUP.sub("", text))
        assert not LIVE.search(OWN_MARKUP.sub("", text)), text
    buttons = [e for b in body["blocks"] if b["type"] == "actions" for e in b["elements"]]
    assert {urlsplit(button["url"]).hostname for button in buttons if "url" in button} <= LINK_HOSTS


def check_slack_plain(alarm: Alarm) -> None:
    text = slack_plain.plain_payload(told(alarm), "invalid_blocks")["text"]
    assert 0 < len(text) <= 4_000
    assert not LIVE.search(re.sub(r"<https?://[^<>|]*\|", "", text)), text
    assert not re.search(r"<(?!https?://|@U0123456789>|!subteam\^S0123456789>)", text), text
    outside = "".join(text.split("`")[::2])
    assert not re.search(r":[\w+'-]+:", re.sub(r"https?://[^<>|]*", "", outside)), text


# A case before its next alarm.
WORSE = CaseThread(
    "#soc",
    "C0123456789",
    "1763812800.000100",
    Severity.SUSPICIOUS,
    0,
    12,
    1,
    "12 suspicious on web-01 (prod, i-0123456789abcdef0)",
)


def golden(message: Message, case: Message) -> dict[str, Any]:
    """The bodies, by the ending of their golden file. `case`: the message with what is known of its case."""
    return {
        "webhook.json": slack.payload(message),
        "bot.json": slack.payload(parent(case, WORSE.after(case)), buttons=True, form=parent_form(case)),
        "reply.json": slack.payload(without_mention(case), form=slack.Form.WHOLE),
    }
