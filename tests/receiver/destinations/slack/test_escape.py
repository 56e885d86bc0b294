"""Escapes for Slack let no mention, no link and no end of a code span through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.destinations.slack.escape import escape_slack, slack_code

ANY = st.text(st.characters(), max_size=200) | st.text(
    "a.:/\\<>`*[]()@#{}&|h1bq \n\u0301\u200d\ud83d\U0001f1e6"
)


def test_slack_text() -> None:
    assert escape_slack("<!channel> & <@U1> *b*") == "&lt;!channel&gt; &amp; &lt;@U1&gt; *b*"


@given(ANY)
def test_slack_text_can_be_read_back(text: str) -> None:
    escaped = escape_slack(text)
    assert not set("<>") & set(escaped)
    assert escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


def test_slack_code() -> None:
    assert slack_code("a `b`\n<!here>") == "`a ˋbˋ &lt;!here&gt;`"
    assert slack_code(" \n") == ""


@given(ANY)
def test_slack_code_cannot_be_left(text: str) -> None:
    code = slack_code(text)
    assert code == "" or (code.count("`"), code[0], code[-1], "\n" in code) == (2, "`", "`", False)


@pytest.mark.parametrize(
    "part", ["a", "a.", "a:/", "http://", "-", "\\", "/", "<at", "\u0301", "🇩", " ", "{noformat", "\n"]
)
def test_it_is_quick_on_long_text(part: str) -> None:
    for escape in (escape_slack, slack_code):
        escape(part * 20_000)
