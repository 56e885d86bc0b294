"""The screen "Rules"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("rules", __name__)

    @pages.get("/rules")
    def index() -> str:
        return render_template("unfinished.html", title="Rules")

    return pages
