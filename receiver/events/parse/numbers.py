"""Reads a value as a whole number."""

from __future__ import annotations

import re

# The platform's ids start at 1. A number that does not fit a 32-bit integer is neither an id nor a count.
MAX_NUMBER = 2**31 - 1
_DIGITS = re.compile(r"\s*[0-9]{1,10}\s*")


def whole_number(value: str | int | bool | None) -> int | None:
    """A whole number that is not negative; else None. True is not 1, and 3.0 is not 3."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None
