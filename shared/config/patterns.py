"""Patterns for names, tags and events, in which `*` stands for any text and `?` for one character."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache


def fits(text: str, patterns: Iterable[str]) -> bool:
    """Whether the whole text fits one of the patterns."""
    return any(_compiled(pattern).fullmatch(text) for pattern in patterns)


def covers(wide: str, narrow: str) -> bool:
    """Whether every text that fits `narrow` also fits `wide`. Also False if that cannot be decided."""
    # Wildcards next to each other mean the same in any order, so `*` is put last.
    narrow = re.sub(r"[*?]+", lambda run: "?" * run[0].count("?") + "*" * ("*" in run[0]), narrow)
    return bool(_compiled(wide, one="[^*]").fullmatch(narrow))


def values_within(narrow: Collection[str], wide: Collection[str]) -> bool:
    """Whether a list of values allows only what another one allows. An empty list allows every value."""
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def patterns_within(narrow: Collection[str], wide: Collection[str]) -> bool:
    """Like `values_within`, for lists of patterns. Also False if that cannot be decided."""
    if not wide:
        return True
    return bool(narrow) and all(any(covers(w, n) for w in wide) for n in narrow)


@lru_cache(maxsize=1024)
def _compiled(pattern: str, *, one: str = ".") -> re.Pattern[str]:
    first, *rest = (one.join(map(re.escape, part.split("?"))) for part in pattern.split("*"))
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    # Atomic groups match each part at its first place only, so that many `*` cause no backtracking.
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle) + ".*" + last, re.DOTALL)
