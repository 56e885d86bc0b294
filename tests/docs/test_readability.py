"""Texts for people are easy to read: no page harder than grade 9, no sentence of more than 30 words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.docs import texts
from tests.docs.readability import HARDEST_GRADE, measure, prose_of

HARD = """\
# Notification

An event that names no evidence does not necessarily constitute an authoritative confirmation of the accompanying
alarms, which are consequently reconsidered individually whenever subsequent examination of the evidence demonstrates
their continued applicability to the infrastructure.
"""
GRADED = 60  # words; the grade of a shorter text says little


def mistakes(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in named:
        measured = measure(text)
        for sentence in measured.too_long:
            yield f"{name}: a sentence of more than 30 words: {sentence}"
        if measured.words >= GRADED and measured.grade > HARDEST_GRADE:
            yield f"{name}: grade {measured.grade:.1f}, and the hardest allowed is {HARDEST_GRADE:.0f}"


def page_mistakes(paths: Iterable[Path]) -> list[str]:
    return list(mistakes((path.name, prose_of(path.read_text("utf-8"))) for path in paths))


@pytest.mark.parametrize("page", texts.pages(), ids=lambda page: str(page.relative_to(texts.ROOT)))
def test_a_page_is_easy_to_read(page: Path) -> None:
    assert not page_mistakes([page])


def test_the_help_of_every_command_is_easy_to_read() -> None:
    assert not list(mistakes(texts.helps()))


def test_the_pages_of_the_console_are_easy_to_read() -> None:
    assert not list(mistakes(texts.screens()))


def test_messages_are_easy_to_read() -> None:
    assert not list(mistakes(texts.messages()))


def test_logs_errors_notices_and_docstrings_are_easy_to_read() -> None:
    assert not list(mistakes(texts.strings()))
