"""Words for error messages: a value in quotes, and what was probably meant by a wrong word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

_LONGEST_LIST = 12  # choices that a message lists
_LONGEST_VALUE = 60  # characters of a value that a message shows


def quoted(text: str) -> str:
    """A value for a message: short, printable, in quotes."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return f"'{shown if len(shown) <= _LONGEST_VALUE else shown[: _LONGEST_VALUE - 1] + '…'}'"


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most like the word; None if none is like it."""
    return next(iter(_closest(word, choices)), None)


def _closest(word: str, choices: Iterable[str]) -> list[str]:
    """The choice that is most like the word, or several if they are equally like it."""
    by_lower = {choice.lower(): choice for choice in choices}
    similar = get_close_matches(word.lower(), by_lower, n=3)
    ratios = [SequenceMatcher(None, candidate, word.lower()).ratio() for candidate in similar]
    return sorted(by_lower[c] for c, ratio in zip(similar, ratios, strict=True) if ratio == ratios[0])


def advice(word: str, choices: Iterable[str]) -> str:
    """The end of a sentence about a wrong word: what was probably meant, or the choices if there are few."""
    choices = list(choices)
    if meant := _closest(word, choices):
        return f"; did you mean {' or '.join(meant)}?"
    if 0 < len(choices) <= _LONGEST_LIST:
        return f"; write one of {', '.join(choices)}" if len(choices) > 1 else f"; write {choices[0]}"
    return ""
