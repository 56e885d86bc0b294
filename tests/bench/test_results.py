"""The table of a run, and that docs/performance.md shows the results that are committed."""

from __future__ import annotations

from dataclasses import replace

from bench import page, results
from bench.results import BEFORE, RESULTS, Results
from bench.rows import ROWS, ratios

RUN = Results(
    date="2026-11-29",
    commit="abc",
    quick=False,
    seconds=500,
    machine={"processor": "a chip", "cores": 2, "memory_gb": 24, "kernel": "6.1", "load_at_start": 0.1},
    versions={"python": "3.11"},
    values={
        "ingest_8": [2_000.0, 3_000.0],
        "alertmanager_ingest_8": [6_000.0],
        "through_300_p99": [90.0, 80.0],
    },
    skipped={"functions": "nothing was built"},
)


def test_a_row_has_its_target_the_figure_before_and_the_best_one():
    before = replace(RUN, values={"ingest_8": [927.0]})
    lines = results.table(RUN, before)
    assert lines == [
        ["", "target", "before", "measured", ""],
        ["webhooks accepted, 8 connections, workers busy", "≥ 2,500", "927", "3,000 a second", "met"],
        ["accepted ÷ Alertmanager, 8 connections", "≥ 0.3", "–", "0.5", "met"],
        ["webhook to message at 300 a second, p99", "≤ 100", "–", "80 ms", "met"],
        ["Alertmanager: alerts accepted, 8 connections", "", "–", "6,000 a second", ""],
    ]


def test_the_table_as_text_and_as_markdown():
    lines = [["", "target"], ["ingest", "≥ 5"]]
    assert results.as_text(lines) == "        target\ningest  ≥ 5"
    lines = results.table(RUN, None)[:2]
    assert results.as_markdown(lines).splitlines()[:2] == [
        "|  | target | before | measured |  |",
        "| --- | ---: | ---: | ---: | --- |",
    ]


def test_a_ratio_needs_both_of_its_rows():
    assert ratios({"hunt_10000": 60.0, "hunt_1000": 5.0}) == {"hunt_linear": 1.2}
    assert ratios({"hunt_10000": 60.0}) == {}


def test_every_row_has_a_key_of_its_own():
    assert len({row.key for row in ROWS}) == len(ROWS)


def test_results_are_read_as_they_were_written(tmp_path):
    results.write(RUN, tmp_path / "results.json")
    assert results.read(tmp_path / "results.json") == RUN
    assert results.read(tmp_path / "none.json") is None


def test_the_page_is_filled_between_its_comments():
    text = "above\n<!-- results -->\nold\n<!-- end of results -->\nbelow\n"
    found = page.filled(text, RUN, None)
    assert found.startswith(
        "above\n<!-- results -->\nMeasured on 2026-11-29 at commit `abc`: a chip, 2 cores"
    )
    assert found.endswith("<!-- end of results -->\nbelow\n")
    assert "old" not in found
    assert "Not measured: functions: nothing was built" in found
    assert page.filled(found, RUN, None) == found


def test_the_page_shows_the_results_that_are_committed():
    found, text = results.read(RESULTS), page.PAGE.read_text(encoding="utf-8")
    assert found is not None
    assert not found.quick
    assert page.filled(text, found, results.read(BEFORE)) == text, "write it again: python -m bench.page"
