from __future__ import annotations

import math

import pytest

from bench.figures import Row, best, is_met, merged, percentile, shown, verdict

FAST = Row("fast", "webhooks accepted", "a second", "more", 900)
SMALL = Row("small", "bytes", "bytes an alarm", "less", 2_000)
BARE = Row("bare", "memory", "MB")


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [
        ([7.0], 0.99, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 102)), 0.99, 100),
        ([1.0, 2.0], 0.0, 1.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_a_percentile_is_the_smallest_value_that_the_share_does_not_exceed(values, share, found):
    assert percentile(values, share) == found


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError):
        percentile([], 0.5)


def test_the_best_is_the_largest_of_what_should_be_large():
    assert best(FAST, [1.0, 3.0, 2.0]) == 3.0
    assert best(SMALL, [1.0, 3.0, 2.0]) == 1.0


@pytest.mark.parametrize(
    ("row", "value", "said"),
    [
        (FAST, 900.0, "met"),
        (FAST, 899.0, "missed by 1 (0%)"),
        (FAST, 450.0, "missed by 450 (50%)"),
        (SMALL, 2_000.0, "met"),
        (SMALL, 3_000.0, "missed by 1,000 (50%)"),
        (SMALL, 8_500.0, "missed by 6,500 (4.25 times the target)"),
        (Row("none", "lost", target=0), 3.0, "missed by 3"),
        (BARE, 5.0, ""),
    ],
)
def test_a_target_is_met_or_missed_by_so_much(row, value, said):
    assert verdict(row, value) == said


def test_what_has_no_target_is_neither_met_nor_missed():
    with pytest.raises(TypeError):
        is_met(BARE, 1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.004321, "0.00432"),
        (0.5, "0.5"),
        (5.716, "5.72"),
        (99.96, "100"),
        (1_226.4, "1,226"),
        (120.0, "120"),
        (900, "900"),
        (-0.25, "-0.25"),
        (math.inf, "inf"),
    ],
)
def test_three_digits_are_shown(value, text):
    assert shown(value) == text


def test_the_runs_are_merged_by_row():
    runs = [{"fast": 1.0, "small": 5.0}, {"fast": 2.0}]
    assert merged([FAST, SMALL, BARE], runs) == {"fast": [1.0, 2.0], "small": [5.0]}


def test_no_figure_is_dropped_for_want_of_a_row():
    with pytest.raises(KeyError, match="lost"):
        merged([FAST], [{"lost": 1.0}])
