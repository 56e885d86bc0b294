"""Makes a message fit: drops whole parts in a fixed order, and says what was left out.

The size is measured on the escaped, serialized message. Parts are dropped from the message before that; the
serialized text is never cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from receiver.messages.message import Message
from shared.http.answers import Answer
from shared.phrases import counted
from shared.text import shorten

T = TypeVar("T")

# Fields of a message, in the order in which they are shortened, each from its end, and how many entries stay.
# The details of a hunt or an alarm are in the platform too. The first facts say which machine it is; the gaps
# say what could not be found out; the first link leads into the platform.
ORDER = (("findings", 0), ("lines", 0), ("quote", 0), ("facts", 3), ("gaps", 0), ("links", 1))
SHORTEST_QUOTE = 80  # characters; a shorter quote says nothing
SHORTENED = 0.25  # of the usual size, for a message that was refused for its size


def send_shorter_if_refused(send: Callable[[float], Answer]) -> tuple[Answer, str]:
    """Send a message, and send a much shorter one if the answer is 413: a proxy in between may accept less
    than the destination. `send` takes the share of the usual size. Returns the last answer, and a note if the
    message was shortened."""
    answer = send(1.0)
    if answer.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return answer, ""
    return send(SHORTENED), "shortened, since the whole message was refused for its size (413)"


def fit(message: Message, render: Callable[[Message], T], size: Callable[[T], float], limit: float) -> T:
    """The rendered message, shortened until `size` of the result is within `limit`."""
    return render(fitting(message, render, size, limit))


def fitting(
    message: Message, render: Callable[[Message], T], size: Callable[[T], float], limit: float
) -> Message:
    """The message, shortened until `size` of the rendered message is within `limit`.

    Title, summary, the first three facts and the first link always stay: together they are far smaller than
    any limit here.
    """

    def fits(kept: Message) -> bool:
        return size(render(with_notice(kept))) <= limit

    def with_notice(kept: Message) -> Message:
        return replace(kept, left_out=_left_out(message, kept))

    kept = message
    for field, least in ORDER:
        if fits(kept):
            break
        kept = _longest(kept, field, least, fits)
    return with_notice(kept)


def _longest(message: Message, field: str, least: int, fits: Callable[[Message], bool]) -> Message:
    """Binary-search how many entries of `field` fit. At least `least` of them stay, even if they do not
    fit."""
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
    """Such as "12 more facts and 30 more systems: open in the platform"; empty if nothing was left out."""
    missing = (
        (max(message.findings_total, len(message.findings)) - len(kept.findings), "more kind", " of alarm"),
        (max(message.lines_total, len(message.lines)) - len(kept.lines), "more system", ""),
        (len(message.facts) - len(kept.facts), "more fact", ""),
        (len(message.gaps) - len(kept.gaps), "more gap", ""),
        (len(message.links) - len(kept.links), "more link", ""),
    )
    parts = [counted(count, noun) + rest for count, noun, rest in missing if count > 0]
    if kept.quote != message.quote:
        parts.append("the rest of the quoted text" if kept.quote else "the quoted text")
    if not parts:
        return ""
    *first, last = parts
    return (f"{', '.join(first)} and {last}" if first else last) + ": open in the platform"
