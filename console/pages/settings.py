"""The screen "Settings"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("settings", __name__)

    @pages.get("/settings")
    def index() -> str:
        return render_template("unfinished.html", title="Settings")

    return pages
