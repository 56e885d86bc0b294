"""Escapes hostile text for the wiki markup of Jira Data Center."""

from __future__ import annotations

import re

from shared.text import defang

_ZERO_WIDTH_SPACE = "\u200b"
_WIKI_MARKS = re.compile(r"([-#*_+?^~|%{}\[\]()!@])")
_WIKI_LINE_START = re.compile(r"^([^\S\n]*)(h[1-6]\.|bq\.)", re.IGNORECASE | re.MULTILINE)


def escape_wiki(text: str) -> str:
    """For text within a line: it can form no markup, no mention and no link.

    A backslash before an escaped mark would become a line break, so it is replaced by its look-alike U+2216.
    Jira makes a link of a bare URL in spite of any escape, so links are made inert.
    """
    text = _WIKI_LINE_START.sub(rf"\1{_ZERO_WIDTH_SPACE}\2", defang(text).replace("\\", "\u2216"))
    return _WIKI_MARKS.sub(r"\\\1", text)


def noformat(text: str) -> str:
    """A block that shows the text as it is. The text cannot end the block."""
    inside = re.sub(r"\{(?=noformat)", "{" + _ZERO_WIDTH_SPACE, text, flags=re.IGNORECASE)
    return f"{{noformat}}\n{inside}\n{{noformat}}"
