"""Says in words when a schedule starts a hunt, such as "every Sunday at 02:00"."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC
from zoneinfo import ZoneInfo

from shared.config.due_times import At, Cron, DaysOfMonth, DaysOfWeek, Rate, parse_schedule

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ORDINALS = ("last", "first", "second", "third", "fourth", "fifth")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_MOST_TIMES = 4  # times of the day that are listed
_YEARS = frozenset(range(1970, 2200))  # all that a schedule can name


def in_words(schedule: str, timezone: str) -> str:
    """When the schedule is due, by the clocks of its time zone. Without the zone's name. Raises ValueError
    for a text that is no schedule."""
    parsed = parse_schedule(schedule, timezone)
    if isinstance(parsed, Rate):
        return _every(parsed.seconds)
    if isinstance(parsed, At):
        at = parsed.when.astimezone(ZoneInfo(timezone) if timezone else UTC)
        return f"once, on {at.day} {_MONTHS[at.month - 1]} {at:%Y} at {at:%H:%M}"
    assert isinstance(parsed, Cron)
    months = (
        "" if len(parsed.months) == 12 else f" in {_listed(_MONTHS[n - 1] for n in sorted(parsed.months))}"
    )
    years = "" if parsed.years == _YEARS else f" of {_spans(parsed.years)}"
    return f"{_days(parsed.days)}{months}{years}{_times(parsed)}"


def _every(seconds: int) -> str:
    for length, unit in _UNITS:
        if seconds % length == 0:
            count = seconds // length
            return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    raise AssertionError("a rate is a number of whole minutes")


def _times(cron: Cron) -> str:
    minutes, hours = cron.minutes, cron.hours
    if len(minutes) * len(hours) <= _MOST_TIMES:
        return f" at {_listed(f'{hour:02}:{minute:02}' for hour in hours for minute in minutes)}"
    of_hour = "every minute" if len(minutes) == 60 else f"at minute {_spans(minutes)}"
    of_day = "" if len(hours) == 24 else f", in the hours {_spans(hours)}"
    return f", {of_hour}{' of every hour' if not of_day and len(minutes) < 60 else ''}{of_day}"


def _days(days: object) -> str:
    if isinstance(days, DaysOfWeek):
        return _weekdays(days)
    assert isinstance(days, DaysOfMonth)
    if days.last:
        return "on the last day of the month"
    if days.near is not None:
        return (
            f"on the weekday nearest to day {days.near} of the month"
            if days.near
            else "on the last weekday of the month"
        )
    if len(days.plain) == 31:
        return "every day"
    return f"on day {_spans(days.plain)} of the month"


def _weekdays(days: DaysOfWeek) -> str:
    parts = [f"on the {_ORDINALS[nth]} {_WEEKDAYS[day - 1]} of the month" for day, nth in days.nth]
    if days.plain == frozenset(range(2, 7)):
        parts.append("from Monday to Friday")
    elif len(days.plain) == 7:
        parts.append("every day")
    elif days.plain:
        # The week begins on Monday.
        ordered = sorted(days.plain, key=lambda day: (day - 2) % 7)
        parts.append(f"every {_listed(_WEEKDAYS[day - 1] for day in ordered)}")
    return _listed(parts)


def _spans(numbers: Collection[int]) -> str:
    """Such as "1, 15 and 20–25"."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return _listed(f"{first}" if first == last else f"{first}–{last}" for first, last in spans)


def _listed(words: Iterable[str]) -> str:
    texts = list(words)
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
