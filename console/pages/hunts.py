"""The screen "Hunts"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("hunts", __name__)

    @pages.get("/hunts")
    def index() -> str:
        return render_template("unfinished.html", title="Hunts")

    return pages
