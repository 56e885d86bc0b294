"""Draws an Atlassian Document (ADF), the rich text of Jira Cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from console.previews.elements import Pen, el, joined, lines, mapping, objects, one_of, text, unknown

PANELS = frozenset({"info", "note", "tip", "warning", "error", "success", "custom"})
_LOZENGES = frozenset({"neutral", "purple", "blue", "red", "yellow", "green"})
_TAGS = {"strong": "strong", "em": "em", "code": "code", "strike": "s", "underline": "u"}
_PLAIN_MARKS = frozenset({"textColor", "backgroundColor", "subsup"})  # drawn without their look
_MAX_SPAN = 50  # cells


def document(node: Any, pen: Pen) -> Markup:
    return el("div", "rich", *_children(mapping(node), pen))


def _children(node: Mapping[str, Any], pen: Pen) -> list[Markup]:
    return [_node(child, pen) for child in objects(node.get("content"))]


def _node(node: Mapping[str, Any], pen: Pen) -> Markup:
    draw = NODES.get(text(node.get("type")))
    return draw(node, pen) if draw else unknown("a node", node.get("type"))


def _attribute(node: Mapping[str, Any], name: str) -> str:
    return text(mapping(node.get("attrs")).get(name))


def _number(node: Mapping[str, Any], name: str, most: int) -> int:
    value = mapping(node.get("attrs")).get(name)
    return min(max(value, 1), most) if isinstance(value, int) else 1


def _as(tag: str, classes: str = "") -> Callable[[Mapping[str, Any], Pen], Markup]:
    return lambda node, pen: el(tag, classes, *_children(node, pen))


def _heading(node: Mapping[str, Any], pen: Pen) -> Markup:
    # The issue's own title is an h3, so the headings of its text are below.
    return el("h4" if _number(node, "level", 6) <= 3 else "h5", "", *_children(node, pen))


def _ordered_list(node: Mapping[str, Any], pen: Pen) -> Markup:
    return el("ol", "", *_children(node, pen), start=_number(node, "order", 1_000_000))


def _panel(node: Mapping[str, Any], pen: Pen) -> Markup:
    kind = one_of(_attribute(node, "panelType"), PANELS, "note")
    return el("div", f"top panel-{kind}", *_children(node, pen))


def _code_block(node: Mapping[str, Any], pen: Pen) -> Markup:
    return el("pre", "", *(text(child.get("text")) for child in objects(node.get("content"))))


def _table(node: Mapping[str, Any], pen: Pen) -> Markup:
    return el("table", "", el("tbody", "", *_children(node, pen)))


def _cell(tag: str) -> Callable[[Mapping[str, Any], Pen], Markup]:
    def draw(node: Mapping[str, Any], pen: Pen) -> Markup:
        across, down = _number(node, "colspan", _MAX_SPAN), _number(node, "rowspan", _MAX_SPAN)
        spans = {"colspan": across if across > 1 else None, "rowspan": down if down > 1 else None}
        return el(tag, "", *_children(node, pen), **spans)

    return draw


def _expand(node: Mapping[str, Any], pen: Pen) -> Markup:
    summary = el("summary", "", _attribute(node, "title") or "Show more")
    return el("details", "", summary, *_children(node, pen))


def _status(node: Mapping[str, Any], pen: Pen) -> Markup:
    colour = one_of(_attribute(node, "color"), _LOZENGES, "neutral")
    return el("span", f"lozenge lozenge-{colour}", _attribute(node, "text"))


def _date(node: Mapping[str, Any], pen: Pen) -> Markup:
    stamp = _attribute(node, "timestamp")
    try:
        at = datetime.fromtimestamp(float(stamp) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return el("span", "", stamp)
    return el("time", "", f"{at:%Y-%m-%d}", datetime=at.date().isoformat())


def _text(node: Mapping[str, Any], pen: Pen) -> Markup:
    drawn = lines(text(node.get("text")))
    for mark in objects(node.get("marks")):
        kind = text(mark.get("type"))
        if kind == "link":
            drawn = pen.link(mapping(mark.get("attrs")).get("href"), drawn)
        elif kind in _TAGS:
            drawn = el(_TAGS[kind], "", drawn)
        elif kind not in _PLAIN_MARKS:
            drawn = joined((drawn, unknown("a mark", kind)))
    return drawn


NODES: dict[str, Callable[[Mapping[str, Any], Pen], Markup]] = {
    "paragraph": _as("p"),
    "heading": _heading,
    "bulletList": _as("ul"),
    "orderedList": _ordered_list,
    "listItem": _as("li"),
    "panel": _panel,
    "blockquote": _as("blockquote"),
    "codeBlock": _code_block,
    "rule": lambda node, pen: el("hr", ""),
    "table": _table,
    "tableRow": _as("tr"),
    "tableHeader": _cell("th"),
    "tableCell": _cell("td"),
    "expand": _expand,
    "nestedExpand": _expand,
    "hardBreak": lambda node, pen: el("br", ""),
    "status": _status,
    "emoji": lambda node, pen: el("span", "", _attribute(node, "text") or _attribute(node, "shortName")),
    "date": _date,
    "mention": lambda node, pen: el(
        "span", "mention", _attribute(node, "text") or f"@{_attribute(node, 'id')}"
    ),
    "inlineCard": lambda node, pen: pen.link(_attribute(node, "url"), _attribute(node, "url")),
    "text": _text,
}
MARKS = frozenset({"link", *_TAGS, *_PLAIN_MARKS})
