"""The screen "Cases"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("cases", __name__)

    @pages.get("/cases")
    def index() -> str:
        return render_template("unfinished.html", title="Cases")

    return pages
