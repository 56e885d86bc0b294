"""Texts for people are easy to read: no page harder than grade 9, no sentence of more than 30 words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from tests.docs import texts
from tests.docs.readability import HARDEST_GRADE, measure, prose_of, syllables

GRADED = 60  # words; the grade of a shorter text says little
PAGES = {str(page.relative_to(texts.ROOT)): page for page in texts.pages()}
HARD_WORDS = "Subsequent examination demonstrates continued applicability. " * 20
SYLLABLES = {
    "the": 1,
    "hunt": 1,
    "table": 2,
    "named": 1,
    "wanted": 2,
    "capture": 2,
    "messages": 3,
    "configuration": 5,
}
LONG_SENTENCE = "We look at " + "one more page and " * 8 + "then we stop.\n"


def mistakes(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in named:
        measured = measure(text)
        for sentence in measured.too_long:
            yield f"{name}: a sentence of more than 30 words: {sentence}"
        if measured.words >= GRADED and measured.grade > HARDEST_GRADE:
            yield f"{name}: grade {measured.grade:.1f}, and the hardest allowed is {HARDEST_GRADE:.0f}"


def page_mistakes(name: str, markdown: str) -> list[str]:
    return list(mistakes([(name, prose_of(markdown))]))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_easy_to_read(name: str) -> None:
    assert not page_mistakes(name, PAGES[name].read_text("utf-8"))


def test_a_page_that_is_hard_to_read_is_found() -> None:
    page = PAGES["SECURITY.md"].read_text("utf-8")
    assert not page_mistakes("page", page)
    assert "grade 33.6" in page_mistakes("page", f"# Hard\n\n{HARD_WORDS}")[0]
    assert "more than 30 words: We look at" in page_mistakes("page", f"{page}\n* {LONG_SENTENCE}")[0]
    assert not page_mistakes("page", f"{page}\n```\n{LONG_SENTENCE}```\n\n| a | {LONG_SENTENCE.strip()} |\n")


@pytest.mark.parametrize(("word", "count"), SYLLABLES.items())
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


def test_the_help_of_every_command_is_easy_to_read() -> None:
    assert not list(mistakes(texts.helps()))


def test_the_pages_of_the_console_are_easy_to_read() -> None:
    assert not list(mistakes(texts.screens()))


def test_messages_are_easy_to_read() -> None:
    assert not list(mistakes(texts.messages()))


def test_logs_errors_notices_and_docstrings_are_easy_to_read() -> None:
    assert not list(mistakes(texts.strings()))
