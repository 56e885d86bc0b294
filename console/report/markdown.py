"""The report as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from shared.models.severity import Severity
from shared.storage.queries.report import Report
from shared.storage.queries.report_words import (
    HUNT_TITLES,
    MAX_TECHNIQUES,
    figures,
    headline,
    hunt_cells,
    title,
)
from shared.text import one_line


def as_markdown(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from (f"# {title(report)}", "", f"**{headline(report)}.**", "")
    yield from _table(("Figure", "Value"), figures(report))
    yield from ("", "## Hunts", "")
    yield from _table(HUNT_TITLES, map(hunt_cells, report.hunts))
    yield from ("", "## Events by week", "")
    severities = list(Severity)
    rows = ((f"{week.start}", *(week.events.get(each, 0) for each in severities)) for week in report.alarms)
    yield from _table(("Week of", *severities), rows)
    yield from ("", "## ATT&CK techniques", "")
    yield from _table(
        ("Technique", "Name", "Tactic", "Findings", "By week"),
        (
            (trend.id, trend.name, trend.tactic, trend.total, " ".join(map(str, trend.counts)))
            for trend in report.techniques[:MAX_TECHNIQUES]
        ),
    )
    notes = (*report.incomplete, *report.coverage.problems)
    if notes:
        yield from ("", "## What is missing", "", *(f"* {_cell(note)}" for note in notes))


def _table(titles: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    titles = tuple(titles)
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * len(titles)
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in rows)


def _cell(value: object) -> str:
    """Without what Markdown or HTML would read as markup."""
    return re.sub(r"([\\`*_\[\]<>|#&!~])", r"\\\1", one_line(str(value), 300))
