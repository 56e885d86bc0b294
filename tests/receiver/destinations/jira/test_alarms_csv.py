"""The file of the alarms can be read back, and no spreadsheet runs one of its cells."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.destinations.jira import alarms_csv
from shared.models.evidence import Finding
from shared.models.severity import Severity

FRAGMENTS = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    '"',
    ",",
    ";",
    "'",
    "\uff1d",
    "\ufe66",
    "\u2212",
    "|",
    "\u202e",
    "\x00",
    "https://x.y/",
)
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=8)), max_size=8).map("".join)
ids = st.lists(texts, max_size=3).map(tuple)
findings = st.builds(Finding, texts, st.integers(0, 10**9), st.sampled_from(Severity), ids, texts)


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(findings, max_size=4))
def test_every_file_is_read_back_and_nothing_in_it_runs(findings: list[Finding]) -> None:
    content = alarms_csv.content(findings)
    header, *read = rows(content)
    assert header == ["severity", "count", "alarm", "ATT&CK", "path"]
    expected = [(finding.severity.value, str(finding.count)) for finding in findings]
    assert [(row[0], row[1]) for row in read] == expected
    assert content.count(b"\n") == content.count(b"\r\n") == 1 + len(findings)  # a line for each
    for cell in (cell for row in read for cell in row):
        assert not re.match(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]", cell)
        assert "://" not in cell or "hxxp" in cell


# Characters that separate cells in some locale, and those that begin a formula.
DELIMITERS = (",", ";", "\t", "|")
FORMULA = re.compile(r"\s*[=+\-@\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]")


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(findings, max_size=4))
def test_no_cell_is_a_formula_whatever_separates_the_cells(findings: list[Finding]) -> None:
    text = alarms_csv.content(findings).decode("utf-8-sig")
    for delimiter in DELIMITERS:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert not [cell for cell in row if FORMULA.match(cell)], delimiter


@pytest.mark.parametrize(
    "text", ["x;=cmd|'/C calc'!A1;y", 'a";=1+1', 'a;"=1+1', ";;=1", "a; \u00a0@SUM(1)", "a|-1", "x;\uff1d1+1"]
)
def test_a_path_with_a_separator_is_kept_and_made_text(text: str) -> None:
    finding = Finding(text, 1, Severity.MALICIOUS, (), text)
    (_, row) = rows(alarms_csv.content([finding]))
    assert {row[2].replace("'", ""), row[4].replace("'", "")} == {
        text.replace("'", "").replace("\u00a0", "").replace("  ", " ")
    }
    content = alarms_csv.content([finding]).decode("utf-8-sig")
    for delimiter in DELIMITERS:
        for cells in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter):
            assert not [cell for cell in cells if FORMULA.match(cell)], delimiter


@pytest.mark.slow
def test_a_fleet_of_alarms_is_bounded() -> None:
    finding = Finding("x" * 600, 1, Severity.INFO, (), "y" * 600)
    content = alarms_csv.content(finding for _ in range(alarms_csv.MAX_ROWS + 1))
    assert len(rows(content)) == alarms_csv.MAX_ROWS + 1
    assert {len(row[2]) for row in rows(content)[1:]} == {500}


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("7f3c9a52", "alarms-7f3c9a52.csv"),
        ("hunt_finished:weekly@2026", "alarms-hunt_finished-weekly-2026.csv"),
        ('../"x"\r\n', "alarms-..-x-.csv"),
        ("a" * 300, f"alarms-{'a' * 120}.csv"),
    ],
)
def test_its_name_is_one_that_every_system_takes(id: str, name: str) -> None:
    assert alarms_csv.name_of(id) == name
