"""The part of a message that depends on the kind of event: what each composing function returns."""

from __future__ import annotations

from dataclasses import dataclass

from receiver.messages.message import Fact, Line
from receiver.messages.safe_text import harmless_line, quoted_text
from shared.models.alarms import Alarm


@dataclass(frozen=True)
class Content:
    """What a message says beyond the facts that all kinds of event share."""

    title: str
    summary: str = ""
    quote: str = ""
    facts: tuple[Fact, ...] = ()
    lines: tuple[Line, ...] = ()
    lines_total: int = 0
    gaps: tuple[str, ...] = ()


def platform_sentence(alarm: Alarm) -> str:
    """The event's text as a sentence of the summary; empty if it is not one short line of prose."""
    text = harmless_line(alarm.event.text, 2_000)
    return f"The platform says: “{text}”" if text and _is_sentence(alarm.event.text) else ""


def quote_unless_sentence(alarm: Alarm) -> str:
    """The event's text as a quote; empty if `platform_sentence` shows it already."""
    return "" if _is_sentence(alarm.event.text) else quoted_text(alarm.event.text)


def _is_sentence(text: str) -> bool:
    return len(text) <= 300 and "\n" not in text.strip() and not text.lstrip().startswith(("{", "["))
