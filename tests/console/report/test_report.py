"""The report, from the figures of a made-up quarter to each format."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest

from console.report.csv_rows import as_csv
from console.report.html import as_html
from console.report.markdown import as_markdown
from shared.models.severity import Severity
from shared.storage.queries.coverage import CoverageSummary, TechniqueTrend
from shared.storage.queries.report import CaseFigures, HuntFigures, Report
from shared.storage.queries.report_words import headline
from shared.storage.queries.trends import WeekTrend

UNTIL = datetime(2026, 11, 29, 10, 42, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>|=cmd()\n# x"
CASES = CaseFigures(9, {"true_positive": 2, "benign": 4}, 3, 1, 1, 2_280.0, 93_600.0)


def quarter(name="weekly", cases=CASES, **changes):
    weeks = tuple(
        WeekTrend(
            date(2026, 11, 16) + timedelta(weeks=number),
            dict.fromkeys(Severity, 0) | {Severity.MALICIOUS: 2 * number + 1},
        )
        for number in range(2)
    )
    fields = {
        "since": UNTIL - timedelta(weeks=2),
        "until": UNTIL,
        "weeks": 2,
        "hunts": (HuntFigures(name, 2, 1, 1, 0, 40, 3, 4, 9, UNTIL),),
        "coverage": CoverageSummary(43, 52, 60, (), 8, UNTIL, ("eu-west-1 could not be asked: denied.",)),
        "cases": cases,
        "alarms": weeks,
        "techniques": (TechniqueTrend("T1496", "Resource Hijacking", "Impact", (1, 4)),),
    }
    return Report(**(fields | changes))


class _Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_the_headline_says_what_waits():
    assert headline(quarter()) == (
        "1 malicious case is not acknowledged; 9 systems are not covered; 1 hunt did not finish"
    )
    good = quarter(cases=CaseFigures(0, {}, 0, 0, 0, None, None), coverage=CoverageSummary(52, 52), hunts=())
    assert headline(good) == "All hunts finished, every known system is covered, no malicious case waits"


def test_markdown_has_every_section():
    text = as_markdown(quarter())
    assert text.startswith("# Threat hunts, 15 November 2026 to 29 November 2026\n")
    assert "| Systems captured in the last 30 days | 43 of 52 (82 %) |" in text
    assert "| Median time until acknowledged | 38 min |" in text
    assert "| weekly | 2 | 1 | 1 | 40 | 3 | 4 | 9 |" in text
    assert "| 2026-11-23 | 3 | 0 | 0 | 0 |" in text
    assert "| T1496 | Resource Hijacking | Impact | 5 | 1 4 |" in text
    assert text.endswith("* eu-west-1 could not be asked: denied.\n")


def test_csv_has_one_value_a_line():
    rows = list(csv.DictReader(io.StringIO(as_csv(quarter()))))
    by_place = {(row["section"], row["name"], row["measure"], row["week"]): row["value"] for row in rows}
    assert by_place["hunts", "weekly", "captured", ""] == "40"
    assert by_place["events", "", "malicious", "2026-11-23"] == "3"
    assert by_place["techniques", "T1496", "Resource Hijacking", "2026-11-23"] == "4"
    assert by_place["figures", "", "Cases closed as benign", ""] == "4"


def test_html_is_one_file_with_charts():
    text = as_html(quarter())
    page = _Reader(text)
    assert {"svg", "rect", "table", "style"} <= set(page.tags)
    assert not {"script", "link", "img"} & set(page.tags)
    assert "://" not in text
    assert "Resource Hijacking" in page.text
    assert len(text.encode()) < 150_000


def test_hostile_names_stay_text():
    hostile = quarter(name=HOSTILE, techniques=(TechniqueTrend(HOSTILE, HOSTILE, HOSTILE, (1, 0)),))
    assert "script" not in _Reader(as_html(hostile)).tags
    assert "\\<script\\>" in as_markdown(hostile)
    assert all(not row[1].startswith("=") for row in csv.reader(io.StringIO(as_csv(hostile))))
    assert all(len(row) == 5 for row in csv.reader(io.StringIO(as_csv(hostile))))


@pytest.mark.parametrize("form", [as_html, as_markdown, as_csv])
def test_an_empty_quarter(form):
    empty = quarter(
        hunts=(),
        techniques=(),
        alarms=(),
        coverage=CoverageSummary(0, 0),
        cases=CaseFigures(0, {}, 0, 0, 0, None, None),
    )
    assert "Cases opened" in form(empty)
