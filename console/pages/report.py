"""The report for a manager, to download: the figures of the last weeks as one HTML file or as CSV."""

from __future__ import annotations

from flask import Blueprint, Response, abort, request

from console.context import ConsoleContext
from console.read_once import read_along
from console.report.csv_rows import as_csv
from console.report.html import as_html
from shared.storage.ledger.coverage import LISTING
from shared.storage.ledger.left_behind import LEFT_BEHIND
from shared.storage.queries.report import Report, report

_MOST_WEEKS = 52


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("report", __name__)

    @pages.get("/report.html")
    def index() -> Response:
        text = as_html(figures_of(context))
        return _download("huntbridge-report.html", text.encode(), "text/html")

    @pages.get("/report.csv")
    def figures() -> Response:
        text = as_csv(figures_of(context))
        # Excel reads UTF-8 only after a byte order mark.
        return _download("huntbridge-report.csv", text.encode("utf-8-sig"), "text/csv")

    return pages


def figures_of(context: ConsoleContext) -> Report:
    read_along(context.reading, [LISTING, LEFT_BEHIND])
    return report(context.queries, context.now(), _weeks())


def _weeks() -> int:
    weeks = request.args.get("weeks", "12")
    if not (weeks.isascii() and weeks.isdigit() and 1 <= int(weeks[:3]) <= _MOST_WEEKS):
        abort(400, f"weeks is a number from 1 to {_MOST_WEEKS}.")
    return int(weeks)


def _download(name: str, content: bytes, type: str) -> Response:
    response = Response(content, mimetype=type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
