"""Draws a workflow's message as Teams shows it: Adaptive Cards in the look of Teams.

Elements that a button would show or hide stand under a heading of their own, since nothing runs here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from markupsafe import Markup, escape

from console.previews.byline import Byline
from console.previews.elements import Pen, el, joined, listed, mapping, objects, one_of, text, unknown

MAX_ACTIONS = 6  # Teams shows no more
_CARD = "application/vnd.microsoft.card.adaptive"
_SIZES = frozenset({"small", "medium", "large", "extralarge"})
_COLOURS = frozenset({"dark", "light", "accent", "good", "warning", "attention"})
_STYLES = frozenset({"emphasis", "good", "attention", "warning", "accent"})
_SPACES = frozenset({"none", "small", "medium", "large", "extralarge", "padding"})
_SIDES = frozenset({"center", "right"})
_LEVELS = frozenset({"center", "bottom"})


def message(body: Any, byline: Byline, pen: Pen) -> Markup:
    cards = (_attachment(attachment, pen) for attachment in objects(mapping(body).get("attachments")))
    return el("article", "view v-teams", byline.drawn("Workflows"), *cards)


def _attachment(attachment: Mapping[str, Any], pen: Pen) -> Markup:
    if attachment.get("contentType") != _CARD:
        return unknown("an attachment", attachment.get("contentType"))
    return _card(mapping(attachment.get("content")), pen)


def _card(card: Mapping[str, Any], pen: Pen) -> Markup:
    return el("div", "card", *_items(card.get("body"), pen), _actions(card.get("actions"), pen))


def _items(items: Any, pen: Pen) -> Iterator[Markup]:
    for index, item in enumerate(objects(items)):
        draw = ELEMENTS.get(text(item.get("type")))
        drawn = draw(item, pen) if draw else unknown("an element", item.get("type"))
        if item.get("isVisible") is False:
            drawn = el("details", "", el("summary", "", "Hidden at first"), drawn)
        space = one_of(item.get("spacing"), _SPACES, "default") if index else "none"
        line = " line" if index and item.get("separator") is True else ""
        yield el("div", f"space-{space}{line}", drawn)


def _look(item: Mapping[str, Any]) -> str:
    """The class names for the look of a text."""
    classes = [
        _named("size", one_of(item.get("size"), _SIZES, "")),
        _named("color", one_of(item.get("color"), _COLOURS, "")),
        _named("side", one_of(item.get("horizontalAlignment"), _SIDES, "")),
        _named("weight", one_of(item.get("weight"), {"bolder", "lighter"}, "")),
        "subtle" if item.get("isSubtle") is True else "",
        "mono" if one_of(item.get("fontType"), {"monospace"}, "") else "",
        *(
            style
            for style in ("italic", "strikethrough", "underline", "highlight")
            if item.get(style) is True
        ),
    ]
    return " ".join(filter(None, classes))


def _named(prefix: str, value: str) -> str:
    return f"{prefix}-{value}" if value else ""


def _text_block(item: Mapping[str, Any], pen: Pen) -> Markup:
    return el("div", f"text {_look(item)}".strip(), *_markdown(text(item.get("text")), pen))


def _rich_text_block(item: Mapping[str, Any], pen: Pen) -> Markup:
    runs = (_run(run, pen) for run in listed(item.get("inlines")))
    return el("div", f"text {_look(item)}".strip(), *runs)


def _run(run: Any, pen: Pen) -> Markup:
    if isinstance(run, str):
        return escape(text(run))
    run = mapping(run)
    if run.get("type", "TextRun") != "TextRun":
        return unknown("a run of text", run.get("type"))
    action = mapping(run.get("selectAction"))
    classes = _look(run)
    if action.get("type") == "Action.OpenUrl":
        return pen.link(action.get("url"), text(run.get("text")), classes)
    return el("span", classes, text(run.get("text")))


def _fact_set(item: Mapping[str, Any], pen: Pen) -> Markup:
    facts = objects(item.get("facts"))
    rows = (
        joined(
            (
                el("dt", "", *_markdown(text(fact.get("title")), pen)),
                el("dd", "", *_markdown(text(fact.get("value")), pen)),
            )
        )
        for fact in facts
    )
    return el("dl", "two", *rows)


def _column_set(item: Mapping[str, Any], pen: Pen) -> Markup:
    columns = (_column(column, pen) for column in objects(item.get("columns")))
    return el("div", f"columns {_style(item)}".strip(), *columns)


def _column(column: Mapping[str, Any], pen: Pen) -> Markup:
    width = text(column.get("width")) or "stretch"
    if re.fullmatch(r"\d+px", width):
        wide = "fixed"
    elif re.fullmatch(r"\d+(\.\d+)?", width):
        wide = f"share-{min(max(round(float(width)), 1), 4)}"
    else:
        wide = "auto" if width == "auto" else "stretch"
    level = _named("level", one_of(column.get("verticalContentAlignment"), _LEVELS, ""))
    return el("div", " ".join(filter(None, (wide, level, _style(column)))), *_items(column.get("items"), pen))


def _container(item: Mapping[str, Any], pen: Pen) -> Markup:
    bleed = " bleed" if item.get("bleed") is True else ""
    return el("div", f"container {_style(item)}{bleed}".strip(), *_items(item.get("items"), pen))


def _style(item: Mapping[str, Any]) -> str:
    return _named("style", one_of(item.get("style"), _STYLES, ""))


def _action_set(item: Mapping[str, Any], pen: Pen) -> Markup:
    return _actions(item.get("actions"), pen) or el("div", "")


def _image(item: Mapping[str, Any], pen: Pen) -> Markup:
    return el("span", "", f"[{text(item.get('altText')) or 'image'}]")


ELEMENTS: dict[str, Callable[[Mapping[str, Any], Pen], Markup]] = {
    "TextBlock": _text_block,
    "RichTextBlock": _rich_text_block,
    "FactSet": _fact_set,
    "ColumnSet": _column_set,
    "Container": _container,
    "ActionSet": _action_set,
    "Image": _image,
}


def _actions(actions: Any, pen: Pen) -> Markup | None:
    shown = objects(actions)[:MAX_ACTIONS]
    return el("div", "acts", *(_action(action, pen) for action in shown)) if shown else None


def _action(action: Mapping[str, Any], pen: Pen) -> Markup:
    title = text(action.get("title"))
    match text(action.get("type")):
        case "Action.OpenUrl":
            return pen.link(action.get("url"), title, "fake")
        case "Action.ToggleVisibility" | "Action.Execute":
            return el("span", "fake", title)
        case "Action.ShowCard":
            card = _card(mapping(action.get("card")), pen)
            return el("details", "", el("summary", "", title), card)
    return unknown("a button", action.get("type"))


# The Markdown that a TextBlock and a FactSet support: bold, italic, links, lists and escapes.

_SPAN = re.compile(
    r"\\(?P<escaped>[^\w\s])"
    r"|\[(?P<label>(?:\\.|[^\]\\])*)\]\((?P<url>(?:[^()\s]|\([^()\s]*\))+)\)"
    r"|\*\*(?P<strong>(?:\\.|[^*\\])+)\*\*"
    r"|(?<!\w)_(?P<em>(?:\\.|[^_\\])+)_(?!\w)"
    r"|<at>(?P<mention>[^<>]+)</at>"
)


def _markdown(said: str, pen: Pen) -> Iterator[Markup]:
    """Each line of the text."""
    for line in re.split(r"\n+", said):
        item = re.match(r"\s*(?:[-*]|(\d+)\.)\s+", line)
        if not item:
            yield el("div", "", *_span(line, pen))
            continue
        bullet = f"{item[1]}. " if item[1] else "• "
        yield el("div", "item", bullet, *_span(line[item.end() :], pen))


def _span(said: str, pen: Pen) -> Iterator[Markup]:
    end = 0
    for found in _SPAN.finditer(said):
        yield escape(said[end : found.start()])
        end = found.end()
        if found["escaped"] is not None:
            yield escape(found["escaped"])
        elif found["url"] is not None:
            yield pen.link(found["url"], joined(_span(found["label"], pen)))
        elif found["mention"] is not None:
            yield el("span", "color-accent", found["mention"])
        elif found["strong"] is not None:
            yield el("strong", "", *_span(found["strong"], pen))
        else:
            yield el("em", "", *_span(found["em"], pen))
    yield escape(said[end:])
