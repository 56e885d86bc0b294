"""The report for a manager, downloaded from the console."""

from __future__ import annotations

import pytest


def test_it_is_one_file_to_keep(console):
    answer = console.get("/report.html", role="viewer")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="huntbridge-report.html"'
    assert "<h1>Threat hunts, 06 September 2026 to 29 November 2026</h1>" in answer.get_data(as_text=True)


def test_its_figures_are_had_as_csv(console):
    answer = console.get("/report.csv?weeks=4")
    assert answer.mimetype == "text/csv"
    assert answer.get_data().startswith("\ufeffsection,name,measure,week,value".encode())


@pytest.mark.parametrize("weeks", ["0", "53", "-1", "x", "9" * 500, "٣"])
def test_a_wrong_number_of_weeks_is_said(console, weeks):
    answer = console.get("/report.html", query_string={"weeks": weeks})
    assert answer.status_code == 400
