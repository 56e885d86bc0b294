"""Makes a message fit: drops whole things, in one fixed order, and says what was left out.

It measures what would be sent, after escaping and serializing, and never cuts into that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from receiver.messages.message import Message
from shared.text import shorten

T = TypeVar("T")

# What is dropped, in this order, each from its end, down to this many. A hunt's or an alarm's details stand
# in the platform too; the first facts say which machine it is, and the gaps what could not be found out.
# The first link leads into the platform.
ORDER = (("findings", 0), ("lines", 0), ("quote", 0), ("facts", 3), ("gaps", 0), ("links", 1))
SHORTEST_QUOTE = 80  # characters; less than that says nothing


def fit(message: Message, render: Callable[[Message], T], size: Callable[[T], float], limit: float) -> T:
    """The rendered message, with as much of it as makes `size` at most `limit`."""
    return render(fitting(message, render, size, limit))


def fitting(
    message: Message, render: Callable[[Message], T], size: Callable[[T], float], limit: float
) -> Message:
    """As much of the message as makes `size` of the rendered one at most `limit`.

    Title, summary, the first three facts and the first link always stay: they are bounded far below any
    limit here.
    """

    def fits(kept: Message) -> bool:
        return size(render(told(kept))) <= limit

    def told(kept: Message) -> Message:
        return replace(kept, left_out=_left_out(message, kept))

    kept = message
    for field, least in ORDER:
        if fits(kept):
            break
        kept = _most(kept, field, least, fits)
    return told(kept)


def _most(message: Message, field: str, least: int, fits: Callable[[Message], bool]) -> Message:
    """`message` with the most of `field` that fits; with the least of it where nothing does."""
    whole = getattr(message, field)

    def cut(length: int) -> Message:
        return replace(message, **{field: _cut(whole, length)})

    low, high = min(least, len(whole)), len(whole)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(cut(middle)):
            low = middle
        else:
            high = middle
    return cut(low)


def _cut(whole: Any, length: int) -> Any:
    if isinstance(whole, str):
        return shorten(whole, length) if length >= SHORTEST_QUOTE else ""
    return whole[:length]


def _left_out(message: Message, kept: Message) -> str:
    """Such as "12 more facts and 30 more systems: open in the platform"; empty where all is there."""
    missing = (
        (max(message.findings_total, len(message.findings)) - len(kept.findings), "more kind", " of alarm"),
        (max(message.lines_total, len(message.lines)) - len(kept.lines), "more system", ""),
        (len(message.facts) - len(kept.facts), "more fact", ""),
        (len(message.gaps) - len(kept.gaps), "more gap", ""),
        (len(message.links) - len(kept.links), "more link", ""),
    )
    parts = [
        f"{count:,} {noun}{'' if count == 1 else 's'}{rest}" for count, noun, rest in missing if count > 0
    ]
    if kept.quote != message.quote:
        parts.append("the rest of the quoted text" if kept.quote else "the quoted text")
    if not parts:
        return ""
    *first, last = parts
    return (f"{', '.join(first)} and {last}" if first else last) + ": open in the platform"
