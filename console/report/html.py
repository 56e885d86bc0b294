"""The report as one HTML file without scripts or other files, with its charts drawn as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from shared.models.severity import Severity
from shared.phrases import utc_minute
from shared.storage.queries.report import Report
from shared.storage.queries.report_words import (
    HUNT_TITLES,
    MAX_TECHNIQUES,
    figures,
    headline,
    hunt_cells,
    title,
)

_HEIGHT = 120  # of a chart, in units of its drawing
_SHOWN = (Severity.MALICIOUS, Severity.SUSPICIOUS, Severity.UNKNOWN, Severity.INFO)


@dataclass(frozen=True)
class Bar:
    """One part of a column: where it begins and how high it is."""

    severity: str
    y: float
    height: float


@dataclass(frozen=True)
class Column:
    """One week of the chart."""

    label: str
    counts: tuple[int, ...]  # in the order of the severities shown
    bars: tuple[Bar, ...]


def as_html(report: Report) -> str:
    environment = Environment(
        loader=PackageLoader("console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    techniques = report.techniques[:MAX_TECHNIQUES]
    return environment.get_template("report.html").render(
        title=title(report),
        headline=headline(report),
        made=utc_minute(report.until),
        figures=tuple(figures(report)),
        hunt_titles=HUNT_TITLES,
        hunts=tuple(map(hunt_cells, report.hunts)),
        severities=_SHOWN,
        columns=_columns(report),
        chart_height=_HEIGHT,
        techniques=techniques,
        highest=max((count for trend in techniques for count in trend.counts), default=0),
        notes=(*report.incomplete, *report.coverage.problems),
    )


def _columns(report: Report) -> tuple[Column, ...]:
    highest = max((week.total for week in report.alarms), default=0) or 1
    columns = []
    for week in report.alarms:
        counts = tuple(week.events.get(severity, 0) for severity in _SHOWN)
        bars, top = [], float(_HEIGHT)
        for severity, count in zip(_SHOWN, counts, strict=True):
            height = _HEIGHT * count / highest
            top -= height
            if count:
                bars.append(Bar(severity.value, round(top, 1), round(height, 1)))
        columns.append(Column(f"{week.start:%d %b}", counts, tuple(bars)))
    return tuple(columns)
