"""Makes text from outside harmless before it becomes part of a message.

Anybody who can name a file or a host on a captured machine can write this text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from shared.text import clean, defang, one_line, shorten

MAX_QUOTE = 1_500
MAX_PATH, MAX_PATH_END = 200, 140  # of a long path, at most this much of its end is kept

# An alarm is composed once for each destination, each time with the same texts.
_remembered = lru_cache(maxsize=256)


@_remembered
def harmless_line(text: str, limit: int) -> str:
    """One line of text with inert links.

    The text is cleaned before links are searched, since an invisible character inside `http` would hide a
    link.
    """
    return one_line(defang(clean(text, limit)), limit)


def copyable(text: str, limit: int) -> str:
    """One line that people copy, such as a host name or an address. Its dots are kept; only URLs are made
    inert."""
    line = one_line(text, limit)
    return one_line(defang(line), limit) if "://" in line else line


@_remembered
def shortened_path(text: str) -> str:
    """The path, at most MAX_PATH characters long. The middle is left out, since the name of the file matters
    most."""
    path = harmless_line(text, 2_000)
    end = re.search(r"[/\\].*", path[-MAX_PATH_END:])
    if len(path) <= MAX_PATH or end is None:
        return shorten(path, MAX_PATH)
    return shorten(path, MAX_PATH - len(end[0])) + end[0]


def quoted_text(text: str) -> str:
    """Text of several lines with inert links, at most MAX_QUOTE characters."""
    return clean(defang(clean(text, MAX_QUOTE)), MAX_QUOTE).strip()
