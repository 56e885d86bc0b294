"""Evaluates the expressions of EventBridge Scheduler on one machine: cron(…), rate(…), at(…).

An expression means the same moments here and on AWS, also when clocks change. A local time that does not
exist is skipped. A local time that happens twice counts only the first time. Only a `rate` differs: it counts
from 1970-01-01T00:00Z, because here a schedule has no moment of creation. Source: docs.aws.amazon.com,
EventBridge Scheduler user guide, "Schedule types".
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

# 29 February falls on a given weekday every 28 years, and every 40 years across a year like 2100.
_YEARS_AHEAD = 41
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6,
    "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12,
}  # fmt: skip
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}
_EXAMPLES = "such as cron(0 2 ? * SUN *), rate(7 days) or at(2027-01-31T02:00:00)"


class Schedule(Protocol):
    def next_after(self, moment: datetime) -> datetime | None:
        """The first run after `moment`, in UTC; None if there is none."""
        ...


def parse_schedule(text: str, timezone: str = "Etc/UTC") -> Schedule:
    """Raises ValueError with a sentence that says what to write instead."""
    try:
        zone = ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # not found, not a name at all, a folder of the tz database
        raise ValueError(
            f"{timezone!r} is not a time zone; write one such as Europe/Berlin or Etc/UTC"
        ) from None
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a schedule; write one {_EXAMPLES}")
    form, inner = match[1], match[2].strip()
    if form == "rate":
        return _rate(inner)
    return _at(inner, zone) if form == "at" else _cron(inner, zone)


def why_never(text: str, timezone: str, after: datetime) -> str:
    """Why a hunt with this schedule has no run after this moment. If the schedule itself has runs, the hunt's
    `skip_dates` leave all of them out."""
    schedule = parse_schedule(text, timezone)
    if schedule.next_after(after) is not None:
        return "starts nothing any more: skip_dates leaves out every run that is to come"
    if isinstance(schedule, Cron) and not schedule.has_days():
        return "never starts anything: there is no such day in any year"
    if isinstance(schedule, Cron) and schedule.has_days_after(after):
        return f"starts nothing any more: the clocks of {timezone} skip that time"
    return "has passed: it has no next run"


@dataclass(frozen=True)
class Skipping:
    """A schedule without the runs that begin on one of these dates, in the given time zone."""

    schedule: Schedule
    dates: frozenset[date]
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        due = self.schedule.next_after(moment)
        while due is not None and due.astimezone(self.zone).date() in self.dates:
            due = self.schedule.next_after(due)
        return due


@dataclass(frozen=True)
class Rate:
    """rate(…): due again and again, at equal distances."""

    seconds: int

    def next_after(self, moment: datetime) -> datetime | None:
        return datetime.fromtimestamp((int(moment.timestamp()) // self.seconds + 1) * self.seconds, UTC)


def _rate(inner: str) -> Rate:
    match = re.fullmatch(r"([0-9]{1,5}) (minute|hour|day)(s?)", inner)
    if not match or int(match[1]) == 0:
        raise ValueError(
            f"rate({inner}) is not a rate; write a whole number and a unit, such as rate(7 days)"
        )
    if (match[1] == "1") == bool(match[3]):
        raise ValueError(f"rate({inner}): AWS wants 1 {match[2]}, but 2 {match[2]}s")
    return Rate(int(match[1]) * _UNITS[match[2]])


@dataclass(frozen=True)
class At:
    """at(…): due once."""

    when: datetime

    def next_after(self, moment: datetime) -> datetime | None:
        return self.when if self.when > moment else None


def _at(inner: str, zone: ZoneInfo) -> At:
    try:
        naive = datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ValueError(f"at({inner}) is not a time; write it as at(2027-01-31T02:00:00)") from None
    moment = _moment_of(naive, zone)
    if moment is None:
        raise ValueError(f"at({inner}): the clocks of {zone.key} skip that time")
    return At(moment)


@dataclass(frozen=True)
class Cron:
    """cron(…): due at the minutes that all of its fields allow."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: _Days
    months: frozenset[int]
    years: frozenset[int]
    zone: ZoneInfo

    def next_after(self, moment: datetime) -> datetime | None:
        local = moment.astimezone(self.zone)
        today, earliest = local.date(), self._earliest_time(local)
        for day in self._days_from(today):
            for hour in self.hours:
                for minute in self.minutes:
                    if day == today and (hour, minute) < earliest:
                        continue
                    due = _moment_of(datetime(day.year, day.month, day.day, hour, minute), self.zone)
                    if due is not None and due > moment:
                        return due
        return None

    def has_days(self) -> bool:
        """Whether any day in any of the years fits. 31 February never does."""
        return any(self.days.of(year, month) for year in self.years for month in self.months)

    def has_days_after(self, moment: datetime) -> bool:
        tomorrow = moment.astimezone(self.zone).date() + timedelta(days=1)
        return next(self._days_from(tomorrow), None) is not None

    @staticmethod
    def _earliest_time(local: datetime) -> tuple[int, int]:
        """The hour and minute from which runs on the day of `local` can be due. If the clocks may change on
        that day, all its runs can."""
        neighbours = (local + timedelta(days=n) for n in (-1, 1))
        if any(neighbour.utcoffset() != local.utcoffset() for neighbour in neighbours):
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
    def of(self, year: int, month: int) -> set[int]:
        """The days of this month on which runs are due."""
        ...


@dataclass(frozen=True)
class DaysOfMonth:
    """The field for the day of the month."""

    plain: frozenset[int]
    last: bool = False
    near: int | None = None  # the weekday nearest to this day; 0 is the last day of the month

    def of(self, year: int, month: int) -> set[int]:
        length = calendar.monthrange(year, month)[1]
        days = {day for day in self.plain if day <= length}
        if self.last:
            days.add(length)
        if self.near is not None and self.near <= length:
            days.add(_nearest_weekday(year, month, self.near or length, length))
        return days


def _nearest_weekday(year: int, month: int, day: int, length: int) -> int:
    """The day from Monday to Friday in the same month that is nearest to `day`."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day


@dataclass(frozen=True)
class DaysOfWeek:
    """The field for the day of the week."""

    plain: frozenset[int]  # 1 is Sunday
    nth: tuple[tuple[int, int], ...] = ()  # (weekday, its number in the month; 0 is the last)

    def of(self, year: int, month: int) -> set[int]:
        length = calendar.monthrange(year, month)[1]
        first = (date(year, month, 1).weekday() + 1) % 7 + 1
        days = {day for day in range(1, length + 1) if (first + day - 2) % 7 + 1 in self.plain}
        for weekday, n in self.nth:
            candidates = list(range((weekday - first) % 7 + 1, length + 1, 7))
            if n == 0:
                days.add(candidates[-1])
            elif n <= len(candidates):
                days.add(candidates[n - 1])
        return days


def _cron(inner: str, zone: ZoneInfo) -> Cron:
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
    return Cron(
        minutes=tuple(sorted(_numbers("minute", minute, 0, 59))),
        hours=tuple(sorted(_numbers("hour", hour, 0, 23))),
        days=_weekdays(weekday) if day == "?" else _month_days(day),
        months=_numbers("month", month, 1, 12, _MONTHS),
        years=_numbers("year", year, 1970, 2199),
        zone=zone,
    )


def _month_days(field: str) -> _Days:
    if field == "L":
        return DaysOfMonth(frozenset(), last=True)
    if field == "LW":
        return DaysOfMonth(frozenset(), near=0)
    if match := re.fullmatch(r"([0-9]{1,2})W", field):
        (day,) = _numbers("day-of-month", match[1], 1, 31)
        return DaysOfMonth(frozenset(), near=day)
    return DaysOfMonth(_numbers("day-of-month", field, 1, 31))


def _weekdays(field: str) -> _Days:
    if field == "L":
        return DaysOfWeek(frozenset({7}))
    if match := re.fullmatch(r"([A-Z]{3}|[1-7])(?:L|#([1-5]))", field):
        (weekday,) = _numbers("day-of-week", match[1], 1, 7, _WEEKDAYS)
        return DaysOfWeek(frozenset(), nth=((weekday, int(match[2] or 0)),))
    return DaysOfWeek(_numbers("day-of-week", field, 1, 7, _WEEKDAYS))


def _numbers(
    what: str, field: str, low: int, high: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    """The numbers that a field of a cron expression allows: lists of numbers, names, ranges and steps."""

    def number(text: str) -> int:
        value = (names or {}).get(text, -1) if not text.isdecimal() else int(text)
        if not low <= value <= high:
            also = f" or {', '.join(names)}" if names else ""
            raise ValueError(f"{what} {text!r} is not {low}–{high}{also}")
        return value

    numbers: set[int] = set()
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
        # AWS allows a range that wraps around, such as FRI-MON.
        values = range(begin, end + 1) if begin <= end else [*range(begin, high + 1), *range(low, end + 1)]
        numbers.update(list(values)[:: int(step) if slash else 1])
    return frozenset(numbers)


def _moment_of(naive: datetime, zone: ZoneInfo) -> datetime | None:
    """The moment of a local time: the first one if there are two, None if the clocks skip it."""
    moment = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != naive:
        return None
    return moment


def runs_between(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every run after `after`, up to and including `until`."""
    due = schedule.next_after(after)
    while due is not None and due <= until:
        yield due
        due = schedule.next_after(due)
