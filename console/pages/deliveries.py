"""The screen "Deliveries": destinations, what waits, dead letters, and what was sent."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from console.context import ConsoleContext
from console.views.deliveries import STATES, DeliveryFilter, deliveries_view
from console.views.overview import types_of


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("deliveries", __name__)

    @pages.get("/deliveries")
    def index() -> str:
        view = deliveries_view(
            context.queries,
            context.status(),
            context.config,
            types_of(context.config),
            DeliveryFilter.of(request.args),
            request.args.get("page", ""),
        )
        return render_template("deliveries.html", view=view, dead=(), states=STATES)

    return pages
