"""Draws an alert of Jira Service Management: its message, its description, and what it is labelled with."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from console.previews.byline import Byline
from console.previews.elements import Pen, el, lines, listed, mapping, text

_ATTRIBUTES = ("priority", "entity", "alias", "user")


def message(body: Any, byline: Byline, pen: Pen) -> Markup:
    alert = mapping(body)
    heading, note = text(alert.get("message")), text(alert.get("note"))
    rows = [(name, text(alert.get(name))) for name in _ATTRIBUTES]
    rows.append(("tags", ", ".join(map(text, listed(alert.get("tags"))))))
    rows += [(text(name), text(value)) for name, value in mapping(alert.get("details")).items()]
    shown = [part for name, value in rows if value for part in (el("dt", "", name), el("dd", "", value))]
    return el(
        "article",
        "view v-jsm",
        byline.drawn("Alert" if heading else "What is added to the alert"),
        el("p", "", el("strong", "", heading)) if heading else None,
        el("p", "", lines(note)) if note else None,
        el("p", "", lines(text(alert.get("description")))) if alert.get("description") else None,
        el("dl", "two", *shown) if shown else None,
    )
