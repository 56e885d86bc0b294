"""The screen "Deliveries"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("deliveries", __name__)

    @pages.get("/deliveries")
    def index() -> str:
        return render_template("unfinished.html", title="Deliveries")

    return pages
