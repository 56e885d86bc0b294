"""Draws a message as Slack shows it: Block Kit, attachments, mrkdwn, and a parent with its replies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

from console.previews.byline import Byline
from console.previews.elements import Pen, el, joined, lines, mapping, objects, one_of, text, unknown

_STYLES = frozenset({"primary", "danger"})
_COLOUR = re.compile(r"#?([0-9A-Fa-f]{6})", re.ASCII)


def message(body: Any, byline: Byline, pen: Pen) -> Markup:
    """One post in a channel or in a thread."""
    body = mapping(body)
    blocks = [_block(block, pen) for block in objects(body.get("blocks"))]
    shown = blocks or [el("div", "section", _mrkdwn(text(body.get("text")), pen))]
    return el(
        "article",
        "view v-slack",
        byline.drawn("huntbridge", el("span", "badge", "App")),
        *shown,
        *(_attachment(attachment, pen) for attachment in objects(body.get("attachments"))),
    )


def _attachment(attachment: Mapping[str, Any], pen: Pen) -> Markup:
    colour = _COLOUR.fullmatch(text(attachment.get("color")))
    bar = el("rect", "", width="100%", height="100%", fill=f"#{colour[1]}") if colour else ""
    said = text(attachment.get("text"))
    if not said and not attachment.get("blocks"):
        said = text(attachment.get("fallback"))
    return el(
        "div",
        "attachment",
        el("svg", "stripe", bar, aria_hidden="true"),
        el(
            "div",
            "",
            el("div", "section", _mrkdwn(said, pen)) if said else None,
            *(_block(block, pen) for block in objects(attachment.get("blocks"))),
        ),
    )


def _block(block: Mapping[str, Any], pen: Pen) -> Markup:
    draw = BLOCKS.get(text(block.get("type")))
    return draw(block, pen) if draw else unknown("a block", block.get("type"))


def _header(block: Mapping[str, Any], pen: Pen) -> Markup:
    return el("h3", "header", text(mapping(block.get("text")).get("text")))


def _section(block: Mapping[str, Any], pen: Pen) -> Markup:
    fields = objects(block.get("fields"))
    accessory = block.get("accessory")
    return el(
        "div",
        "section",
        el("div", "", _text(mapping(block["text"]), pen)) if block.get("text") else None,
        el("div", "fields", *(el("div", "", _text(field, pen)) for field in fields)) if fields else None,
        _element(mapping(accessory), pen) if accessory else None,
    )


def _context(block: Mapping[str, Any], pen: Pen) -> Markup:
    return el("div", "context small", *(_element(part, pen) for part in objects(block.get("elements"))))


def _actions(block: Mapping[str, Any], pen: Pen) -> Markup:
    return el("div", "acts", *(_element(part, pen) for part in objects(block.get("elements"))))


def _divider(block: Mapping[str, Any], pen: Pen) -> Markup:
    return el("hr", "")


def _image(block: Mapping[str, Any], pen: Pen) -> Markup:
    return el("p", "section", f"[{text(block.get('alt_text')) or 'image'}]")


BLOCKS: dict[str, Callable[[Mapping[str, Any], Pen], Markup]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
    "image": _image,
}


def _element(element: Mapping[str, Any], pen: Pen) -> Markup:
    match text(element.get("type")):
        case "button":
            return _button(element, pen)
        case "static_select":
            return _select(element, pen)
        case "image":
            return el("span", "", f"[{text(element.get('alt_text')) or 'image'}]")
        case "mrkdwn" | "plain_text":
            return el("span", "", _text(element, pen))
    return unknown("an element", element.get("type"))


def _button(button: Mapping[str, Any], pen: Pen) -> Markup:
    if not button.get("url") and button.get("action_id") and pen.click:
        return pen.click(button)
    if button.get("confirm"):
        return el("details", "menu", el("summary", "fake", button_label(button)), *_asked_back(button))
    return pen.link(button.get("url"), button_label(button), button_classes(button))


def _select(select: Mapping[str, Any], pen: Pen) -> Markup:
    if pen.click:
        return pen.click(select)
    return el(
        "details",
        "menu",
        el("summary", "fake", text(mapping(select.get("placeholder")).get("text"))),
        *(el("div", "", button_label(option)) for option in objects(select.get("options"))),
        *_asked_back(select),
    )


def _asked_back(element: Mapping[str, Any]) -> Iterator[Markup]:
    """The dialog in which Slack asks before it reports the click."""
    confirm = mapping(element.get("confirm"))
    for part in ("title", "text", "confirm", "deny"):
        if confirm.get(part):
            yield el("div", "small", text(mapping(confirm.get(part)).get("text")))


def button_label(button: Mapping[str, Any]) -> str:
    return text(mapping(button.get("text")).get("text"))


def button_classes(button: Mapping[str, Any]) -> str:
    return f"fake {one_of(button.get('style'), _STYLES, '')}".strip()


def _text(part: Mapping[str, Any], pen: Pen) -> Markup:
    said = text(part.get("text"))
    if part.get("type") == "mrkdwn":
        return _mrkdwn(said, pen, verbatim=part.get("verbatim") is True)
    return lines(said)


# mrkdwn: docs.slack.dev, "Formatting message text"

_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_MARKS = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<token>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<strong>[^*\s](?:[^*\n]*[^*\s])?)\*(?![\w*])"
    r"|(?<![\w_])_(?P<em>[^_\s](?:[^_\n]*[^_\s])?)_(?![\w_])"
    r"|(?<![\w~])~(?P<s>[^~\s](?:[^~\n]*[^~\s])?)~(?![\w~])"
    r"|(?P<url>https?://[^\s<>|]+)"
)


def _plain(escaped: str) -> str:
    """The characters that Slack's escapes stand for."""
    return re.sub("&(?:lt|gt|amp);", lambda found: _ENTITIES[found[0]], escaped)


def _mrkdwn(said: str, pen: Pen, *, verbatim: bool = False) -> Markup:
    parts = said.split("```")
    drawn = (
        el("pre", "", _plain(part.strip("\n"))) if index % 2 else _quotes(part, pen, verbatim)
        for index, part in enumerate(parts)
    )
    return joined(drawn)


def _quotes(said: str, pen: Pen, verbatim: bool) -> Markup:
    drawn: list[Markup] = []
    after_line = False
    for line in said.strip("\n").split("\n"):
        quoted = re.match(r"(?:&gt;|>)\s?", line)
        if quoted:
            drawn.append(el("blockquote", "", *_inline(line[quoted.end() :], pen, verbatim)))
        else:
            drawn += [el("br", "")] if after_line else []
            drawn += _inline(line, pen, verbatim)
        after_line = not quoted
    return joined(drawn)


def _inline(said: str, pen: Pen, verbatim: bool) -> Iterator[Markup]:
    end = 0
    for found in _MARKS.finditer(said):
        yield escape(_plain(said[end : found.start()]))
        end = found.end()
        kind, inner = found.lastgroup or "", found[found.lastgroup or 0]
        if kind == "code":
            yield el("code", "", _plain(inner))
        elif kind == "token":
            yield _token(inner, pen)
        elif kind == "url":
            yield escape(_plain(inner)) if verbatim else pen.link(_plain(inner), _plain(inner))
        else:
            yield el(kind, "", *_inline(inner, pen, verbatim))
    yield escape(_plain(said[end:]))


def _token(token: str, pen: Pen) -> Markup:
    """What Slack has in angle brackets: a mention, a date or a link."""
    target, _, label = (_plain(part) for part in token.partition("|"))
    if target.startswith("!date^"):
        return escape(label or target)
    if target.startswith("!subteam^"):
        return el("span", "mention", label or f"@{target.removeprefix('!subteam^')}")
    if target.startswith("!"):
        return el("span", "mention", f"@{label or target[1:]}")
    if target.startswith(("@", "#")):
        return el("span", "mention", f"{target[0]}{label}" if label else target)
    return pen.link(target, label or target)
