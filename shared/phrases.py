"""Counts and times as people read them, in messages and on the command line."""

from __future__ import annotations

from datetime import UTC, datetime


def counted(count: int, noun: str) -> str:
    """Such as "1 system" and "1,200 systems". `noun` takes an s in the plural."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def percent(part: int, whole: int) -> int:
    """Rounded down, so that 100 means all. `whole` is not 0."""
    return 100 * part // whole


def utc_day(moment: datetime | None) -> str:
    """Such as "2027-01-31"; empty for None."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment else ""


def utc_minute(moment: datetime | None) -> str:
    """Such as "2027-01-31 02:00 UTC"; empty for None."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def duration(seconds: float) -> str:
    """Such as "1 h 5 min"."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def ordinal(number: int) -> str:
    """Such as "third" and "12th"."""
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    if 1 <= number <= len(words):
        return words[number - 1]
    is_teen = number % 100 in (11, 12, 13)
    return f"{number:,}" + ("th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th"))
