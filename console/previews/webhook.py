"""Draws the document that a webhook destination sends: its JSON, with what it is about above it."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from console.previews.byline import Byline
from console.previews.elements import Pen, el, mapping, text

_ATTRIBUTES = ("type", "id", "source", "subject", "time", "dataschema")


def message(body: Any, byline: Byline, pen: Pen) -> Markup:
    event = mapping(body)
    rows = ((name, text(event.get(name))) for name in _ATTRIBUTES)
    shown = [part for name, value in rows if value for part in (el("dt", "", name), el("dd", "", value))]
    document = text(json.dumps(body, indent=2, ensure_ascii=False))
    return el(
        "article",
        "view v-webhook",
        byline.drawn("CloudEvents document"),
        el("dl", "two", *shown),
        el("details", "", el("summary", "", "The document"), el("pre", "", document)),
    )
