"""The report as CSV: one value a line, so that a spreadsheet can filter and chart it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from shared.storage.queries.report import Report
from shared.storage.queries.report_words import HUNT_TITLES, figures, hunt_cells
from shared.text import inert_cell

TITLES = ("section", "name", "measure", "week", "value")


def as_csv(report: Report) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(TITLES)
    writer.writerows([inert_cell(str(cell)) for cell in row] for row in _rows(report))
    return text.getvalue()


def _rows(report: Report) -> Iterator[tuple[object, ...]]:
    yield from (("figures", "", label, "", value) for label, value in figures(report))
    for hunt in report.hunts:
        name, *values = hunt_cells(hunt)
        for heading, value in zip(HUNT_TITLES[1:], values, strict=True):
            yield "hunts", name, heading.lower(), "", value
    for week in report.alarms:
        for severity, count in week.events.items():
            yield "events", "", severity, week.start, count
    for trend in report.techniques:
        for week, count in zip(report.alarms, trend.counts, strict=False):
            yield "techniques", trend.id, trend.name, week.start, count
    yield from (
        ("what is missing", "", note, "", "") for note in (*report.incomplete, *report.coverage.problems)
    )
