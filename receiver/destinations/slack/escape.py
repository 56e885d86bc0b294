"""Hostile text, escaped for the places where Slack shows text.

Slack has no escape for its marks. In a `mrkdwn` object a word that holds a mark goes into a code span, where
no mark counts; in a `plain_text` object nothing is parsed; in the top-level `text`, which nobody copies from
while there are blocks, marks become look-alikes.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from shared.text import escape_slack, shorten, slack_code

_MARKED = re.compile(r"[*_~`]|:[\w+'-]+:")
_FLAT = str.maketrans("*_~`", "\u2217\u02cd\u223c\u02cb")
_EMOJI = re.compile(r":(?=[\w+'-]+:)")
# The three that Slack wants escaped would show as escapes in `plain_text`.
_PLAIN = str.maketrans("<>", "\u2039\u203a")


def safe(text: str, limit: int) -> str:
    """For `mrkdwn`: one line, in which what was written can be copied."""
    runs = groupby(shorten(text, limit).split(), lambda word: _MARKED.search(word) is not None)
    return " ".join(_coded(" ".join(run)) if marked else escape_slack(" ".join(run)) for marked, run in runs)


def flat(text: str, limit: int = 800) -> str:
    """For `mrkdwn` where a code span would be in the way: marks become look-alikes."""
    unmarked = _EMOJI.sub("\ua789", shorten(text, limit).translate(_FLAT))
    return escape_slack(unmarked)


def plain(text: str, limit: int) -> dict[str, Any]:
    """A `plain_text` object."""
    return {"type": "plain_text", "text": shorten(text.translate(_PLAIN), limit), "emoji": False}


def _coded(words: str) -> str:
    """Without the punctuation at the end, which nobody wants to copy."""
    copied = words.rstrip(",;.)")
    return slack_code(copied) + words[len(copied) :]
