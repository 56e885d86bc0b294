"""EventBridge Scheduler's expressions, for the clock of one machine: cron(…), rate(…), at(…).

The same text means the same moments here and on AWS. Across daylight saving as AWS documents it: a local
time that does not exist is skipped, one that happens twice runs once, the first time. A `rate` counts from
1970-01-01T00:00Z here, since there is no moment at which the schedule was made.
Source: docs.aws.amazon.com, EventBridge Scheduler user guide, "Schedule types".
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

# 29 February on a given weekday comes every 28 years, or 40 across a year like 2100.
_YEARS_AHEAD = 41
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}  # fmt: skip
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
_AN_EXAMPLE = "such as cron(0 2 ? * SUN *), rate(7 days) or at(2027-01-31T02:00:00)"


class Schedule(Protocol):
    def next_after(self, moment: datetime) -> datetime | None:
        """The first time due after `moment`, in UTC; None where there is none any more."""
        ...


def parse_schedule(text: str, timezone: str = "Etc/UTC") -> Schedule:
    """Raises ValueError with one plain sentence that says what to write instead."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # not found, not a name at all, a folder of the tz database
        raise ValueError(
            f"{timezone!r} is not a time zone; write one such as Europe/Berlin or Etc/UTC"
        ) from None
    found = re.fullmatch(r"(cron|rate|at)\((.*)\)", text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a schedule; write one {_AN_EXAMPLE}")
    form, inner = found[1], found[2].strip()
    if form == "rate":
        return _rate(inner)
    return _at(inner, zone) if form == "at" else _cron(inner, zone)


def why_never(text: str, timezone: str, after: datetime) -> str:
    """In words, why a schedule has no run after this moment; where it has one, its dates are skipped."""
    schedule = parse_schedule(text, timezone)
    if schedule.next_after(after) is not None:
        return "starts nothing any more: skip_dates leaves out every run that is to come"
    if isinstance(schedule, _Cron) and not schedule.has_days():
        return "never starts anything: there is no such day in any year"
    if isinstance(schedule, _Cron) and schedule.has_days_after(after):
        return f"starts nothing any more: the clocks of {timezone} skip that time"
    return "has passed: it has no next run"


@dataclass(frozen=True)
class Skipping:
    """A schedule without the runs that would begin on one of these dates, by the calendar of its zone."""

    schedule: Schedule
    dates: frozenset[date]
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        due = self.schedule.next_after(moment)
        while due is not None and due.astimezone(self.zone).date() in self.dates:
            due = self.schedule.next_after(due)
        return due


@dataclass(frozen=True)
class _Rate:
    seconds: int

    def next_after(self, moment: datetime) -> datetime | None:
        return datetime.fromtimestamp((int(moment.timestamp()) // self.seconds + 1) * self.seconds, UTC)


def _rate(inner: str) -> _Rate:
    found = re.fullmatch(r"([0-9]{1,5}) (minute|hour|day)(s?)", inner)
    if not found or int(found[1]) == 0:
        raise ValueError(
            f"rate({inner}) is not a rate; write a whole number and a unit, such as rate(7 days)"
        )
    if (found[1] == "1") == bool(found[3]):
        raise ValueError(f"rate({inner}): AWS wants 1 {found[2]}, but 2 {found[2]}s")
    return _Rate(int(found[1]) * _UNITS[found[2]])


@dataclass(frozen=True)
class _At:
    when: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        return self.when if self.when > moment else None


def _at(inner: str, zone: ZoneInfo) -> _At:
    try:
        naive = datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ValueError(f"at({inner}) is not a time; write it as at(2027-01-31T02:00:00)") from None
    moment = _exists(naive, zone)
    if moment is None:
        raise ValueError(f"at({inner}): the clocks of {zone.key} skip that time")
    return _At(moment)


@dataclass(frozen=True)
class _Cron:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: _Days
    months: frozenset[int]
    years: frozenset[int]
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        local = moment.astimezone(self.zone)
        today, over = local.date(), self._over(local)
        for day in self._days_from(today):
            for hour in self.hours:
                for minute in self.minutes:
                    if day == today and (hour, minute) < over:
                        continue
                    due = _exists(datetime(day.year, day.month, day.day, hour, minute), self.zone)
                    if due is not None and due > moment:
                        return due
        return None

    def has_days(self) -> bool:
        """Whether any day of any of its years fits: 31 February is none."""
        return any(self.days.of(year, month) for year in self.years for month in self.months)

    def has_days_after(self, moment: datetime) -> bool:
        tomorrow = moment.astimezone(self.zone).date() + timedelta(days=1)
        return next(self._days_from(tomorrow), None) is not None

    @staticmethod
    def _over(local: datetime) -> tuple[int, int]:
        """The hour and minute before which nothing is due any more on the day of `local`. On a day on which
        the clocks may change, every time is looked at."""
        near = (local + timedelta(days=n) for n in (-1, 1))
        if any(other.utcoffset() != local.utcoffset() for other in near):
            return 0, 0
        return local.hour, local.minute

    def _days_from(self, start: date) -> Iterator[date]:
        for year in range(start.year, start.year + _YEARS_AHEAD):
            if year not in self.years:
                continue
            for month in sorted(self.months):
                if (year, month) < (start.year, start.month):
                    continue
                for day in sorted(self.days.of(year, month)):
                    if date(year, month, day) >= start:
                        yield date(year, month, day)


class _Days(Protocol):
    def of(self, year: int, month: int) -> set[int]: ...


@dataclass(frozen=True)
class _DaysOfMonth:
    plain: frozenset[int]
    last: bool = False
    near: int | None = None  # the weekday nearest to this day; 0 is the last day of the month

    def of(self, year: int, month: int) -> set[int]:
        length = calendar.monthrange(year, month)[1]
        found = {day for day in self.plain if day <= length}
        if self.last:
            found.add(length)
        if self.near is not None and self.near <= length:
            found.add(_nearest_weekday(year, month, self.near or length, length))
        return found


def _nearest_weekday(year: int, month: int, day: int, length: int) -> int:
    """The nearest Monday to Friday in the same month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


@dataclass(frozen=True)
class _DaysOfWeek:
    plain: frozenset[int]  # 1 is Sunday
    nth: tuple[tuple[int, int], ...] = ()  # (weekday, which one in the month; 0 is the last)

    def of(self, year: int, month: int) -> set[int]:
        length = calendar.monthrange(year, month)[1]
        first = (date(year, month, 1).weekday() + 1) % 7 + 1
        found = {day for day in range(1, length + 1) if (first + day - 2) % 7 + 1 in self.plain}
        for weekday, n in self.nth:
            days = list(range((weekday - first) % 7 + 1, length + 1, 7))
            if n == 0:
                found.add(days[-1])
            elif n <= len(days):
                found.add(days[n - 1])
        return found


def _cron(inner: str, zone: ZoneInfo) -> _Cron:
    fields = inner.split()
    if len(fields) != 6:
        raise ValueError(
            f"cron({inner}) has {len(fields)} fields, not 6: "
            "minute hour day-of-month month day-of-week year, such as cron(0 2 ? * SUN *)"
        )
    minute, hour, day, month, weekday, year = (field.upper() for field in fields)
    if (day == "?") == (weekday == "?"):
        raise ValueError(
            f"cron({inner}): exactly one of day-of-month and day-of-week must be ?, "
            "such as cron(0 2 ? * SUN *) or cron(0 2 1 * ? *)"
        )
    return _Cron(
        minutes=tuple(sorted(_numbers("minute", minute, 0, 59))),
        hours=tuple(sorted(_numbers("hour", hour, 0, 23))),
        days=_weekdays(weekday) if day == "?" else _month_days(day),
        months=_numbers("month", month, 1, 12, _MONTHS),
        years=_numbers("year", year, 1970, 2199),
        zone=zone,
    )


def _month_days(field: str) -> _Days:
    if field == "L":
        return _DaysOfMonth(frozenset(), last=True)
    if field == "LW":
        return _DaysOfMonth(frozenset(), near=0)
    if found := re.fullmatch(r"([0-9]{1,2})W", field):
        (day,) = _numbers("day-of-month", found[1], 1, 31)
        return _DaysOfMonth(frozenset(), near=day)
    return _DaysOfMonth(_numbers("day-of-month", field, 1, 31))


def _weekdays(field: str) -> _Days:
    if field == "L":
        return _DaysOfWeek(frozenset({7}))
    if found := re.fullmatch(r"([A-Z]{3}|[1-7])(?:L|#([1-5]))", field):
        (weekday,) = _numbers("day-of-week", found[1], 1, 7, _WEEKDAYS)
        return _DaysOfWeek(frozenset(), nth=((weekday, int(found[2] or 0)),))
    return _DaysOfWeek(_numbers("day-of-week", field, 1, 7, _WEEKDAYS))


def _numbers(
    what: str, field: str, low: int, high: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    """One field without its special letters: lists of numbers, names, ranges and steps."""

    def number(text: str) -> int:
        value = (names or {}).get(text, -1) if not text.isdecimal() else int(text)
        if not low <= value <= high:
            also = f" or {', '.join(names)}" if names else ""
            raise ValueError(f"{what} {text!r} is not {low}–{high}{also}")
        return value

    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and (not step.isdecimal() or int(step) == 0):
            raise ValueError(f"{what} {part!r}: a step is a whole number above 0, such as 0/15")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = number(first)
            end = number(last) if dash else (high if slash else begin)
        # AWS lets a range wrap around, FRI-MON for example.
        run = range(begin, end + 1) if begin <= end else [*range(begin, high + 1), *range(low, end + 1)]
        found.update(list(run)[:: int(step) if slash else 1])
    return frozenset(found)


def _exists(naive: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment of a local time: the first where there are two, None where the clocks skip it."""
    moment = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != naive:
        return None
    return moment


def runs_between(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every time due in (after, until]."""
    due = schedule.next_after(after)
    while due is not None and due <= until:
        yield due
        due = schedule.next_after(due)
