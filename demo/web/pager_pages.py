"""The simulated PagerDuty and Jira Service Management: their incidents and alerts, newest first, and one of
them with what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort
from markupsafe import Markup

from console.previews import jsm as alert_drawing
from console.previews import pagerduty as incident_drawing
from console.previews.byline import Byline
from console.previews.elements import Pen, el, lines
from demo.jsm.simulation import Alert, Jsm, stands
from demo.pagerduty.simulation import Incident, PagerDuty
from demo.web.shell import Home, live, opens, part, shell
from shared.phrases import counted

ROWS = 20
_Draw = Callable[[Any, Byline, Pen], Markup]


@dataclass(frozen=True)
class Row:
    """One incident or one alert."""

    number: int
    summary: str
    status: str
    urgency: str  # PagerDuty's severity, or JSM's priority
    at: datetime
    body: Any
    log: Sequence[tuple[datetime, str]]  # what happened to it


def pager_pages(pagerduty: PagerDuty, jsm: Jsm, home: Home) -> Blueprint:
    """`/pagerduty` and `/jsm` list what is there; with a number, they show one of it."""
    pages = shell("pager_pages", home)

    def incidents() -> list[Row]:
        with pagerduty.lock:
            return [_incident(incident) for incident in pagerduty.incidents]

    def alerts() -> list[Row]:
        with jsm.lock:
            return [_alert(alert) for alert in jsm.alerts]

    @pages.get("/pagerduty")
    def all_incidents() -> Response:
        return _list("PagerDuty", "Incidents", incidents())

    @pages.get("/pagerduty/<int:number>")
    def one_incident(number: int) -> Response:
        return _one("PagerDuty", f"Incident {number}", number, incidents(), incident_drawing.message)

    @pages.get("/jsm")
    def all_alerts() -> Response:
        return _list("JSM", "Alerts", alerts())

    @pages.get("/jsm/<int:number>")
    def one_alert(number: int) -> Response:
        return _one("JSM", f"Alert {number}", number, alerts(), alert_drawing.message)

    return pages


def _list(tool: str, name: str, rows: list[Row]) -> Response:
    return live("incidents.html", tool=tool, name=name, part=part(rows[::-1], ROWS))


def _one(tool: str, name: str, number: int, rows: list[Row], draw: _Draw) -> Response:
    row = next((row for row in rows if row.number == number), None) or abort(404)
    shown = part(row.log[::-1])
    return live(
        "message.html",
        tool=tool,
        name=f"{name}, {row.status}",
        back=f"/{tool.lower()}",
        message=draw(row.body, Byline(row.at), Pen(opens)),
        replies=[(_entry(at, text), "", "") for at, text in shown.items],
        part=shown,
        heading=f"{counted(shown.total, 'entry').replace('entrys', 'entries')} in its log, newest first",
    )


def _entry(at: datetime, text: str) -> Markup:
    return el("article", "view", Byline(at).drawn("Log"), el("p", "", lines(text)))


def _incident(incident: Incident) -> Row:
    payload = incident.event["payload"]
    return Row(
        incident.number,
        payload["summary"],
        incident.status,
        payload["severity"],
        incident.opened,
        incident.event,
        tuple(incident.log),
    )


def _alert(alert: Alert) -> Row:
    log = sorted([*alert.log, *alert.notes], key=lambda entry: entry[0])
    priority = alert.body.get("priority", "P3")
    return Row(
        alert.tiny, alert.body["message"], stands(alert), priority, alert.created, alert.body, tuple(log)
    )
