"""Only `*` and `?` are special in a pattern."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.patterns import covers, fits, patterns_within, values_within


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("SRE [EU]", "SRE [EU]"),
        ("web [blue]", "web [*]"),
        ("[", "["),
        ("]", "?"),
        ("[!a]", "[!a]"),
        (r"a\b", r"a\b"),
        ("a.b", "a.b"),
        ("", "*"),
        ("two\nlines", "two*"),
        ("aXbXc", "a*X*c"),
        ("ab", "a*b"),
    ],
)
def test_a_text_fits(text, pattern):
    assert fits(text, ["no", pattern])


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("b", "[blue]"),
        ("web b", "web [blue]"),
        ("axb", "a.b"),
        ("", "?"),
        ("Web", "web"),
        ("web\n", "web"),
        ("a", "a*a"),
        ("web-1x", "web-?"),
    ],
)
def test_a_text_does_not_fit(text, pattern):
    assert not fits(text, [pattern])
    assert not fits(text, [])


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_without_brackets_it_is_what_the_shell_does(pattern, text):
    assert fits(text, [pattern]) == fnmatchcase(text, pattern)


def test_many_stars_cost_no_more_than_the_text_is_long():
    began = time.process_time()
    assert not fits("a" * 10_000, ["*a" * 50 + "b"])
    assert time.process_time() - began < 5  # backtracking would take longer than the sun burns


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [("*", "web-*"), ("web-*", "web-??"), ("a*", "a"), ("?*", "*?"), ("*", "**"), ("a?", "ab"), ("a[", "a[")],
)
def test_a_wider_pattern_covers(wide, narrow):
    assert covers(wide, narrow)


@pytest.mark.parametrize(
    ("wide", "narrow"), [("web-*", "*"), ("a?", "a*"), ("?", "ab"), ("ab", "a?"), ("b", "[ab]")]
)
def test_a_narrower_pattern_does_not_cover(wide, narrow):
    assert not covers(wide, narrow)


@given(st.text("ab*?", max_size=5), st.text("ab*?", max_size=5), st.text("ab", max_size=5))
def test_what_is_covered_fits_both(wide, narrow, text):
    if covers(wide, narrow) and fits(text, [narrow]):
        assert fits(text, [wide])


def test_an_empty_list_allows_everything():
    for within in (values_within, patterns_within):
        assert within(["a"], [])
        assert within([], [])
        assert not within([], ["a"])
        assert within(["a"], ["a", "b"])
        assert not within(["a", "c"], ["a", "b"])
    assert patterns_within(["web-1", "web-2*"], ["db-*", "web-*"])
