"""What templates use to write times, numbers and marks. Each function escapes what it gets.

| filter | writes |
|---|---|
| `time` | a moment of today as 10:42, of another day as 28 Nov, 10:42; `time(full=True)` the whole date |
| `local("Europe/Berlin")` | a moment in another time zone: Sun 29 Nov, 02:00 CET |
| `age`, `ago` | how long ago a moment was: 3 h 50 min; with "ago" |
| `until` | how long until a moment: in 14 h 18 min |
| `span` | a length of time: seconds or a timedelta |
| `number` | 2,480; an en dash for None |
| `percent(whole)` | 91, rounded down, so that 100 means all |
| `counted("machine")` | 1 machine, 3 machines; a second argument is the plural |
| `spelled` | one to twelve as words, as a title begins |
| `mark`, `mark("words")` | a severity or state as shape and word |
| `bare` | the shape alone; screen readers hear the word |
| `amount("malicious")` | a number with the shape; screen readers hear the word too |
| `outside("text")` | a link to another site, or the text alone if the address is none |
| `in_shell` | an argument of a command, quoted where a shell needs that |
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Flask, g
from markupsafe import Markup, escape

from console.access import may
from shared.models.cost import dollars
from shared.phrases import percent
from shared.text import clean

NONE = "–"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3_600, 86_400, 365 * 86_400
_NUMBERS = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)

# For each mark, the class of its shape without `is-`, and its word.
MARKS = {
    "malicious": ("malicious", "malicious"),
    "suspicious": ("suspicious", "suspicious"),
    "info": ("info", "info"),
    "unknown": ("unknown", "not known"),
    "fault": ("fault", "failed"),
    "failed": ("fault", "failed"),
    "dead": ("fault", "dead"),
    "blind": ("fault", "blind"),
    "ok": ("ok", "OK"),
    "clean": ("ok", "clean"),
    "delivered": ("ok", "delivered"),
    "processed": ("ok", "captured"),
    "busy": ("busy", "in progress"),
    "running": ("busy", "in progress"),
    "requested": ("busy", "requested"),
    "waiting": ("waiting", "waiting"),
    "planned": ("waiting", "planned"),
    "none": ("none", "none"),
}


def mark(name: str, word: str = "") -> Markup:
    shape, own = MARKS.get(str(name), ("none", str(name)))
    return Markup('<span class="is-{}">{}</span>').format(shape, word or own)


def bare(name: str, word: str = "") -> Markup:
    shape, own = MARKS.get(str(name), ("none", str(name)))
    text = Markup('<span class="mark is-{} bare"><span class="vh">{}</span></span>')
    return text.format(shape, (word or own).capitalize())


def amount(count: int, name: str, word: str = "") -> Markup:
    shape, own = MARKS.get(str(name), ("none", str(name)))
    text = Markup('<span class="is-{}">{}<span class="vh"> {}</span></span>')
    return text.format(shape, number(count), word or own)


def number(value: float | None, digits: int = 0) -> str:
    return NONE if value is None else f"{value:,.{digits}f}"


def counted(count: int, noun: str, plural: str = "") -> str:
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def spelled(count: int) -> str:
    return (_NUMBERS[count] if 0 <= count < len(_NUMBERS) else number(count)).capitalize()


def span(length: float | timedelta | None) -> str:
    """Two units at most, such as "3 h 50 min", "1 d 18 h" and "2 y 61 d"."""
    if length is None:
        return NONE
    seconds = max(0, round(length.total_seconds() if isinstance(length, timedelta) else length))
    if seconds < _MINUTE:
        return f"{seconds} s"
    for unit, name, below, part in (
        (_YEAR, "y", _DAY, "d"),
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 0, ""),
    ):
        if seconds >= unit:
            rest = (seconds % unit) // below if below else 0
            small = rest and (unit != _DAY or seconds < 30 * _DAY)
            return f"{seconds // unit} {name}" + (f" {rest} {part}" if small else "")
    return NONE


def iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def day(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    return f"{at:%A} {at.day} {at:%B %Y}"


def date(moment: datetime, now: datetime) -> str:
    """Such as "28 Nov", with the year if it is not this one."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b}" + (f" {at.year}" if at.year != now.year else "")


def time(moment: datetime | None, now: datetime, full: bool = False, seconds: bool = False) -> Markup:
    if moment is None:
        return escape(NONE)
    at, now = moment.astimezone(UTC), now.astimezone(UTC)
    if at == now and not seconds:  # a page without news stays the same for a minute
        at = now = at.replace(second=0, microsecond=0)
    clock = f"{at:%H:%M:%S}" if seconds else f"{at:%H:%M}"
    if full:
        text = f"{day(at)}, {clock} UTC"
    else:
        text = clock if at.date() == now.date() else f"{date(at, now)}, {clock}"
    return Markup('<time datetime="{}">{}</time>').format(iso(at), text)


def local(moment: datetime, timezone: str, now: datetime) -> str:
    """Without markup, so that it can stand in a sentence. The year is told if it is not this one."""
    at = moment.astimezone(ZoneInfo(timezone))
    year = f" {at.year}" if at.year != now.year else ""
    return f"{at:%a} {at.day} {at:%b}{year}, {at:%H:%M %Z}"


def age(moment: datetime | None, now: datetime) -> Markup:
    if moment is None:
        return escape(NONE)
    return Markup('<time datetime="{}">{}</time>').format(iso(moment), span(now - moment))


def ago(moment: datetime | None, now: datetime) -> Markup:
    if moment is None:
        return escape("never")
    return Markup('<time datetime="{}">{} ago</time>').format(iso(moment), span(now - moment))


def until(moment: datetime | None, now: datetime) -> Markup:
    if moment is None:
        return escape(NONE)
    text = f"in {span(moment - now)}" if moment > now else "now"
    return Markup('<time datetime="{}">{}</time>').format(iso(moment), text)


def outside(url: str, text: str = "") -> Markup:
    """A link to another site. Anything but http and https is shown as text."""
    shown = clean(text or url)
    try:
        parts = urlsplit(url)
        is_link = parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        is_link = False
    if not is_link:
        return escape(shown)
    return Markup('<a href="{}" rel="noreferrer noopener" target="_blank">{}</a>').format(url, shown)


def visible(value: Any) -> Any:
    """What a template writes, without control, bidirectional and invisible characters."""
    if not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return value  # most texts of a page have nothing to clean
    cleaned = clean(value, len(value))
    return Markup(cleaned) if isinstance(value, Markup) else cleaned  # noqa: S704 - it was escaped before


def add_to(app: Flask) -> None:
    """Make the filters known to the application's templates. A page has one time: that of its request."""
    app.jinja_env.finalize = visible
    app.jinja_env.filters |= {
        "time": lambda moment, full=False, seconds=False: time(moment, g.now, full, seconds),
        "local": lambda moment, timezone="Etc/UTC": local(moment, timezone, g.now),
        "date": lambda moment: date(moment, g.now) if moment else NONE,
        "day": day,
        "iso": iso,
        "age": lambda moment: age(moment, g.now),
        "ago": lambda moment: ago(moment, g.now),
        "until": lambda moment: until(moment, g.now),
        "span": span,
        "number": number,
        "dollars": dollars,
        "percent": percent,
        "counted": counted,
        "spelled": spelled,
        "mark": mark,
        "bare": bare,
        "amount": amount,
        "outside": outside,
        "in_shell": shlex.quote,
    }
    app.jinja_env.globals |= {"may": may, "NONE": NONE}
