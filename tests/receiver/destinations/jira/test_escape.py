"""Escapes for the wiki markup of Jira Data Center let no markup, no mention and no link through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.destinations.jira.escape import escape_wiki, noformat

ANY = st.text(st.characters(), max_size=200) | st.text(
    "a.:/\\<>`*[]()@#{}&|h1bq \n\u0301\u200d\ud83d\U0001f1e6"
)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("*b* [~admin] @x !i! {quote}", r"\*b\* \[\~admin\] \@x \!i\! \{quote\}"),
        (r"C:\x_y", "C:\u2216x\\_y"),
        ("h1. big\n  BQ. quote", "\u200bh1. big\n  \u200bBQ. quote"),
        ("https://evil.example", r"hxxps://evil\[.\]example"),
    ],
)
def test_wiki(text: str, escaped: str) -> None:
    assert escape_wiki(text) == escaped


@given(ANY)
def test_wiki_leaves_no_mark(text: str) -> None:
    escaped = escape_wiki(text)
    assert not re.search(r"[-#*_+?^~|%{}\[\]()!@\\]", re.sub(r"\\[-#*_+?^~|%{}\[\]()!@]", "", escaped))
    assert not re.search(r"(?m)^\s*(h[1-6]|bq)\.", escaped, re.IGNORECASE)


@given(ANY | st.text("{}noformatNOFORMAT:\n").map("{noformat".__add__))
def test_a_noformat_block_cannot_be_left(text: str) -> None:
    block = noformat(text)
    assert block.startswith("{noformat}\n")
    assert block.endswith("\n{noformat}")
    assert "{noformat" not in block[11:-11].lower()


@pytest.mark.parametrize(
    "part", ["a", "a.", "a:/", "http://", "-", "\\", "/", "<at", "\u0301", "🇩", " ", "{noformat", "\n"]
)
def test_it_is_quick_on_long_text(part: str) -> None:
    for escape in (escape_wiki, noformat):
        escape(part * 20_000)
