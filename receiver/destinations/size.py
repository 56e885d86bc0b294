"""Makes a message fit: drops whole parts in a fixed order, and says what was left out.

The size is measured on the escaped, serialized message. Parts are dropped from the message before that; the
serialized text is never cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from receiver.messages.message import Line, Message
from shared.http.answers import Answer
from shared.models.severity import Severity
from shared.phrases import counted
from shared.text import shorten

T = TypeVar("T")

WORST = 3  # kinds of alarm that a phone shows

# Fields of a message, in the order in which they are shortened, each from its end, and how many entries stay.
# The details of a hunt or an alarm are in the platform too. The worst kinds of alarm and the first lines of a
# hunt go later than the rest: they say what needs a hand. The first facts say what is new; the gaps say what
# could not be found out; the first link leads into the platform.
ORDER = (
    *(("findings", WORST), ("lines", WORST), ("quote", 0), ("facts", 3), ("gaps", 0)),
    *(("findings", 0), ("lines", 0), ("links", 1)),
)
IN_THE_PLATFORM = "open in the platform"
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


def fit(
    message: Message, render: Callable[[Message], T], size: Callable[[T], float], limit: float, **form: Any
) -> T:
    """The rendered message, shortened until `size` of the result is within `limit`. `form`: as of
    `fitting`."""
    return _fitted(message, render, size, limit, **form)[1]


def fitting(
    message: Message, render: Callable[[Message], T], size: Callable[[T], float], limit: float, **form: Any
) -> Message:
    """The message, shortened until `size` of the rendered message is within `limit`. `form` may have `short`,
    a shorter form of the message to begin with, and `elsewhere`, where people find what it leaves out.

    Title, summary, the first three facts and the first link always stay: together they are far smaller than
    any limit here.
    """
    return _fitted(message, render, size, limit, **form)[0]


def _fitted(
    message: Message,
    render: Callable[[Message], T],
    size: Callable[[T], float],
    limit: float,
    *,
    short: Message | None = None,
    elsewhere: str = IN_THE_PLATFORM,
) -> tuple[Message, T]:
    """The shortened message, and the same rendered."""

    def with_notice(kept: Message) -> tuple[Message, T]:
        left_out = _left_out(message, kept, elsewhere)
        noticed = replace(kept, left_out=left_out) if left_out else kept
        return noticed, render(noticed)

    def fits(kept: Message) -> bool:
        return size(with_notice(kept)[1]) <= limit

    kept = short or message
    noticed, rendered = with_notice(kept)
    for field, least in ORDER:
        if size(rendered) <= limit:
            break
        kept = _longest(kept, field, least, fits)
        noticed, rendered = with_notice(kept)
    return noticed, rendered


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


def _left_out(message: Message, kept: Message, elsewhere: str) -> str:
    """Such as "12 more facts and 30 more systems: open in the platform"; empty if nothing was left out."""
    systems = max(message.lines_total, _systems(message.lines)) - _systems(kept.lines)
    kinds = max(message.findings_total, len(message.findings)) - len(kept.findings)
    counts = _unexplained(message, kept)
    missing = (
        (kinds, "more kind", " of alarm" + (f" ({counts})" if counts else "")),
        (systems, "more system", ""),
        (0 if systems else len(message.lines) - len(kept.lines), "more line", ""),
        (len(message.facts) - len(kept.facts), "more fact", ""),
        (len(message.gaps) - len(kept.gaps), "more gap", ""),
        (len(message.links) - len(kept.links), "more link", ""),
    )
    parts = [counted(count, noun) + rest for count, noun, rest in missing if count > 0]
    if kept.quote != message.quote:
        parts.append("the rest of the quoted text" if kept.quote else "the quoted text")
    texts = []
    if parts:
        *first, last = parts
        texts.append((f"{', '.join(first)} and {last}" if first else last) + f": {elsewhere}")
    if message.findings and not kinds and counts:
        texts.append(f"Of kinds that the platform did not list: {counts}")
    return ". ".join(texts)


def folded_text(message: Message, lines: Iterable[Line], where: str) -> str:
    """What the first list leaves out, since it stands elsewhere in the same message: the kinds of alarm after
    the worst, and the systems of `lines`. Such as "7 more kinds of alarm (12 malicious): More facts"."""
    findings, systems = message.findings[WORST:], _systems(tuple(lines))
    counts = [
        (severity, sum(finding.count for finding in findings if finding.severity is severity))
        for severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
    ]
    named = ", ".join(f"{count:,} {severity.value}" for severity, count in counts if count)
    parts = [
        counted(len(findings), "more kind") + " of alarm" + (f" ({named})" if named else "")
        if findings
        else "",
        counted(systems, "more system") if systems else "",
    ]
    text = " and ".join(filter(None, parts))
    return f"{text}: {where}" if text else ""


def _systems(lines: tuple[Line, ...]) -> int:
    return sum(line.systems for line in lines)


def _unexplained(message: Message, kept: Message) -> str:
    """The alarms of the title that no shown kind explains, such as "4 malicious"; empty if there are none, or
    if that is not known."""
    totals = {Severity.MALICIOUS: message.malicious, Severity.SUSPICIOUS: message.suspicious}
    shown = {severity: sum(f.count for f in kept.findings if f.severity is severity) for severity in totals}
    parts = [f"{total - shown[s]:,} {s.value}" for s, total in totals.items() if total > shown[s]]
    return ", ".join(parts)
