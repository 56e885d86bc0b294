"""Draws an event for PagerDuty: the summary that people read on a phone, and the details of the incident."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from console.previews.byline import Byline
from console.previews.elements import Child, Pen, el, listed, mapping, objects, text

_ACTIONS = {
    "trigger": "Incident",
    "acknowledge": "The incident is acknowledged",
    "resolve": "The incident is resolved",
}
_ATTRIBUTES = ("severity", "source", "component", "class", "timestamp")


def message(body: Any, byline: Byline, pen: Pen) -> Markup:
    event = mapping(body)
    payload = mapping(event.get("payload"))
    summary = text(payload.get("summary"))
    rows = [(name, text(payload.get(name))) for name in _ATTRIBUTES]
    rows.append(("dedup_key", text(event.get("dedup_key"))))
    links = [pen.link(link.get("href"), text(link.get("text"))) for link in objects(event.get("links"))]
    return el(
        "article",
        "view v-pagerduty",
        byline.drawn(_ACTIONS.get(text(event.get("event_action")), "Event")),
        el("p", "", el("strong", "", summary)) if summary else None,
        _table(rows),
        _table(_details(payload.get("custom_details"))),
        el("p", "", *_spaced(links)) if links else None,
    )


def _details(details: Any) -> Iterator[tuple[str, str]]:
    for name, value in mapping(details).items():
        if isinstance(value, list | dict):
            value = "\n".join(map(text, listed(value))) or json.dumps(value, ensure_ascii=False)
        yield text(name), text(value)


def _table(rows: Any) -> Markup | None:
    shown = [
        part for name, value in rows if value for part in (el("dt", "", name), el("dd", "", *_lines(value)))
    ]
    return el("dl", "two", *shown) if shown else None


def _lines(value: str) -> Iterator[Child]:
    for number, line in enumerate(value.split("\n")):
        if number:
            yield el("br", "")
        yield line


def _spaced(parts: list[Markup]) -> Iterator[Child]:
    for number, part in enumerate(parts):
        if number:
            yield " · "
        yield part
