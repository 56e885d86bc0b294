"""Hostile text: cleaned, shortened, and escaped for where it goes.

Whatever comes from the platform, from a tag or from a captured disk may have been written by an attacker.
"""

from __future__ import annotations


def clean(text: str, limit: int = 2_000) -> str:
    """Plain text without control, bidirectional or invisible characters (newline and tab stay), at most
    `limit` characters; what is longer ends in an ellipsis."""
    raise NotImplementedError


def one_line(text: str, limit: int = 200) -> str:
    """`clean`, with every run of white space made one space."""
    raise NotImplementedError


def defang(text: str) -> str:
    """Make links inert and still readable: `hxxps://evil[.]example/`."""
    raise NotImplementedError


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, the last an ellipsis where something was cut; never half a character."""
    raise NotImplementedError
