"""The screen "Coverage"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("coverage", __name__)

    @pages.get("/coverage")
    def index() -> str:
        return render_template("unfinished.html", title="Coverage")

    return pages
