"""The screen "Event": which messages an event sent, and which of its findings were withheld, and why."""

from __future__ import annotations

from flask import Blueprint, render_template
from werkzeug.exceptions import NotFound

from console.context import ConsoleContext
from console.views.event import event_view


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("events", __name__)

    @pages.get("/events/<path:id>")
    def index(id: str) -> str:
        view = event_view(context.queries, context.runtime.ledger, context.config, id)
        if view is None:
            raise NotFound(f"There is no event {id}. The ledger removes an event some time after it came.")
        return render_template("event.html", view=view)

    return pages
