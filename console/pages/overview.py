"""The screen "Overview"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("overview", __name__)

    @pages.get("/")
    def index() -> str:
        return render_template("unfinished.html", title="Overview")

    return pages
