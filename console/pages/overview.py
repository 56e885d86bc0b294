"""The screen "Overview"."""

from __future__ import annotations

from flask import Blueprint, render_template

from console.context import ConsoleContext
from console.views.cases import system_name
from console.views.overview import NEVER_HUNTED, SEVERITIES, overview


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("overview", __name__)

    @pages.get("/")
    def index() -> str:
        view = overview(context.status(), context.config, context.now())
        return render_template(
            "overview.html",
            view=view,
            severities=SEVERITIES,
            never_hunted=NEVER_HUNTED,
            system_name=system_name,
        )

    return pages
