"""The screen "Coverage": which systems were not captured, and which ATT&CK techniques were found."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request

from console.context import ConsoleContext
from console.views.coverage import coverage_view, systems_csv, techniques_csv
from shared.models import attack

_CELLS = {"malicious": "mal", "suspicious": "sus", "unknown": "unk", "failed": "fail", "clean": "clean"}


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("coverage", __name__)

    @pages.get("/coverage")
    def index() -> str:
        view = coverage_view(context.runtime, page=request.args.get("page", ""))
        return render_template(
            "coverage.html", title=view.title, view=view, cells=_CELLS, attack_url=attack.url
        )

    @pages.get("/coverage.csv")
    def systems() -> Response:
        return _file("coverage.csv", systems_csv(context.runtime))

    @pages.get("/attack.csv")
    def techniques() -> Response:
        return _file("attack.csv", techniques_csv(context.runtime))

    return pages


def _file(name: str, text: str) -> Response:
    # Excel reads UTF-8 only after a byte order mark.
    response = Response(text.encode("utf-8-sig"), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
