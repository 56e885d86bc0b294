"""The simulated Teams channel: its cards, newest first, and one whole card."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, url_for
from markupsafe import Markup

from console.previews import teams as drawing
from console.previews.byline import Byline
from console.previews.elements import Pen
from demo.base import Accepted
from demo.teams.simulation import Teams
from demo.web.shell import Home, live, opens, part, shell


def teams_pages(teams: Teams, home: Home) -> Blueprint:
    """`/teams` is the channel, `/teams/<number>` one message."""
    pages = shell("teams_pages", home)

    @pages.get("/teams")
    def channel() -> Response:
        with teams.lock:
            messages = teams.messages[::-1]
        shown = part(messages)
        entries = [
            (_drawn(message, _brief(message.body)), url_for(".card", number=message.sequence), "Whole card")
            for message in shown.items
        ]
        return live("stream.html", tool="Teams", name="office", part=shown, entries=entries)

    @pages.get("/teams/<int:number>")
    def card(number: int) -> Response:
        with teams.lock:
            message = next((m for m in teams.messages if m.sequence == number), None) or abort(404)
        drawn = _drawn(message, message.body)
        return live("message.html", tool="Teams", name="office", back=url_for(".channel"), message=drawn)

    return pages


def _drawn(message: Accepted, body: Any) -> Markup:
    return drawing.message(body, Byline(message.at), Pen(opens))


def _brief(body: dict[str, Any]) -> dict[str, Any]:
    """The message with only the first element of its card, which has the title and the summary."""
    (attachment,) = body["attachments"]
    content = attachment["content"]
    card = {**content, "body": content["body"][:1], "actions": []}
    return {**body, "attachments": [{**attachment, "content": card}]}
