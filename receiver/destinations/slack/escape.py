"""Escapes hostile text for each place where Slack shows text, and forms the one mention that is allowed.

Slack has no escape for its formatting marks. In a `mrkdwn` object a word that contains a mark is put into a
code span, where marks have no effect. A `plain_text` object is not parsed. In the top-level `text`
look-alikes replace the marks; nobody copies from there while there are blocks.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

from shared.models.owners import Owner
from shared.text import shorten

_MARKED = re.compile(r"[*_~`]|:[\w+'-]+:")
_FLAT = str.maketrans("*_~`", "\u2217\u02cd\u223c\u02cb")
_EMOJI = re.compile(r":(?=[\w+'-]+:)")
# `plain_text` would show `&lt;` and `&gt;` as written.
_PLAIN = str.maketrans("<>", "\u2039\u203a")


def safe(text: str, limit: int) -> str:
    """For `mrkdwn`: one line, from which the original words can be copied."""
    runs = groupby(shorten(text, limit).split(), lambda word: _MARKED.search(word) is not None)
    return " ".join(_coded(" ".join(run)) if marked else escape_slack(" ".join(run)) for marked, run in runs)


def flat(text: str, limit: int = 800) -> str:
    """For `mrkdwn` in which a code span is not possible: look-alikes replace the marks."""
    unmarked = _EMOJI.sub("\ua789", shorten(text, limit).translate(_FLAT))
    return escape_slack(unmarked)


def plain(text: str, limit: int) -> dict[str, Any]:
    """A `plain_text` object."""
    return {"type": "plain_text", "text": shorten(text.translate(_PLAIN), limit), "emoji": False}


def mention(owner: Owner) -> str:
    """A mention of the owner; empty if the owner has no valid Slack id. The configuration has checked the id
    too; this is the last check before sending."""
    if not re.fullmatch(r"[UWS][A-Z0-9]{8,20}", owner.slack, re.ASCII):
        return ""
    return f"<!subteam^{owner.slack}>" if owner.slack.startswith("S") else f"<@{owner.slack}>"


def _coded(words: str) -> str:
    """The words in a code span; punctuation at the end stays outside, since it is not copied."""
    copied = words.rstrip(",;.)")
    return slack_code(copied) + words[len(copied) :]


def escape_slack(text: str) -> str:
    """For a `mrkdwn` object or the top-level `text` of Slack: the text can form no mention and no link.

    Slack allows only these three characters to be escaped (docs.slack.dev, "Formatting message text"). For
    text with `*_~` or backticks use `slack_code` or a `plain_text` object.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_code(text: str) -> str:
    """One line of text as escaped inline code. A backtick in it becomes its look-alike U+02CB."""
    line = " ".join(text.split()).replace("`", "\u02cb")
    return f"`{escape_slack(line)}`" if line else ""
