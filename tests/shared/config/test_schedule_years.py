"""Two years, minute by minute: what `parse_schedule` says is due, and what a walk over the minutes finds.

The walk knows nothing of expressions: each is written beside its text once more, as a question about a local
time. It goes along UTC, so that a local time which does not exist is never met, and one that comes twice is
met again and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from shared.config.due_times import parse_schedule, runs_between

FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
ZONES = ("Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
DAY = timedelta(days=1)
EVERY = range(60)


@dataclass(frozen=True)
class Case:
    text: str
    day: Callable[[date], bool]
    hours: Iterable[int]
    minutes: Iterable[int]


CRON = (
    Case("cron(0 2 ? * SUN *)", lambda d: d.isoweekday() == 7, {2}, {0}),
    Case("cron(30 2 * * ? *)", lambda d: True, {2}, {30}),
    Case("cron(0/15 0-5 * * ? *)", lambda d: True, range(6), {0, 15, 30, 45}),
    Case("cron(* 1-3 ? * SUN *)", lambda d: d.isoweekday() == 7, {1, 2, 3}, EVERY),
    Case("cron(45 22 ? * MON-FRI *)", lambda d: d.isoweekday() < 6, {22}, {45}),
    Case("cron(15 0 L * ? *)", lambda d: (d + DAY).month != d.month, {0}, {15}),
    Case(
        "cron(0 8 LW * ? *)",
        lambda d: d.isoweekday() < 6
        and all((d + n * DAY).month != d.month or (d + n * DAY).isoweekday() > 5 for n in (1, 2, 3)),
        {8},
        {0},
    ),
    Case(
        "cron(5 23 15W * ? *)",
        lambda d: {1: d.day in (15, 16), 5: d.day in (14, 15)}.get(
            d.isoweekday(), d.isoweekday() < 6 and d.day == 15
        ),
        {23},
        {5},
    ),
    Case("cron(0 3 ? * 6L *)", lambda d: d.isoweekday() == 5 and (d + 7 * DAY).month != d.month, {3}, {0}),
    Case("cron(10 4 ? 3,10 SUN#4 2027)", lambda d: d.isoweekday() == 7 and d.year == 2027
         and d.month in (3, 10) and 22 <= d.day <= 28, {4}, {10}),
)  # fmt: skip


@cache
def quarters(zone: str) -> list[tuple[datetime, datetime]]:
    """Every quarter of an hour, in UTC and in local time. No zone of these shifts by less."""
    found, moment, local = [], FROM, ZoneInfo(zone)
    while moment < TO:
        found.append((moment, moment.astimezone(local).replace(tzinfo=None)))
        moment += timedelta(minutes=15)
    return found


def walk(case: Case, zone: str) -> list[datetime]:
    days: dict[date, bool] = {}
    seen: set[datetime] = set()
    found = []
    hours, minutes = set(case.hours), set(case.minutes)
    for moment, local in quarters(zone):
        if local.hour not in hours:
            continue
        today = local.date()
        if today not in days:
            days[today] = case.day(today)
        if not days[today]:
            continue
        for n in range(15):
            then = local + timedelta(minutes=n)
            if then.minute in minutes and then not in seen:
                seen.add(then)
                found.append(moment + timedelta(minutes=n))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("case", CRON, ids=lambda case: case.text)
def test_two_years_of_minutes(case, zone):
    schedule = parse_schedule(case.text, zone)
    due = list(runs_between(schedule, FROM - timedelta(minutes=1), TO - timedelta(minutes=1)))
    assert due == walk(case, zone)
    assert due


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("text", "every"), [("rate(7 days)", 7 * 24 * 60), ("rate(90 minutes)", 90)])
def test_two_years_of_a_rate_are_the_same_in_every_zone(text, every, zone):
    first, last = int(FROM.timestamp()) // 60, int(TO.timestamp()) // 60
    expected = [minute for minute in range(first, last) if minute % every == 0]
    due = runs_between(parse_schedule(text, zone), FROM - timedelta(minutes=1), TO - timedelta(minutes=1))
    assert [int(moment.timestamp()) // 60 for moment in due] == expected


@pytest.mark.parametrize("zone", ZONES)
def test_two_years_of_a_single_time(zone):
    due = list(runs_between(parse_schedule("at(2027-10-31T02:30:00)", zone), FROM, TO))
    local = [(moment, local) for moment, local in quarters(zone) if local == datetime(2027, 10, 31, 2, 30)]
    assert due == [local[0][0]]


NIGHTS = [
    # Night, zone, the day, and the local times of that night (at the half and the whole hour) with their UTC.
    ("Berlin springs forward, 29 March 2026: 02:00 and 02:30 are not", "Europe/Berlin", "2026-03-29", [
        ("01:00", "00:00"), ("01:30", "00:30"), ("03:00", "01:00"), ("03:30", "01:30")]),
    ("Berlin falls back, 25 October 2026: 02:00 and 02:30 run once, the first time", "Europe/Berlin",
     "2026-10-25", [("01:00", "23:00"), ("01:30", "23:30"), ("02:00", "00:00"), ("02:30", "00:30"),
                    ("03:00", "02:00"), ("03:30", "02:30")]),
    ("New York springs forward, 14 March 2027: 02:00 and 02:30 are not", "America/New_York", "2027-03-14", [
        ("01:00", "06:00"), ("01:30", "06:30"), ("03:00", "07:00"), ("03:30", "07:30")]),
    ("New York falls back, 7 November 2027: 01:00 and 01:30 run once, the first time", "America/New_York",
     "2027-11-07", [("01:00", "05:00"), ("01:30", "05:30"), ("02:00", "07:00"), ("02:30", "07:30"),
                    ("03:00", "08:00"), ("03:30", "08:30")]),
    ("Lord Howe springs forward by half an hour, 4 October 2026: 02:00 is not", "Australia/Lord_Howe",
     "2026-10-04", [("01:00", "14:30"), ("01:30", "15:00"), ("02:30", "15:30"), ("03:00", "16:00"),
                    ("03:30", "16:30")]),
    ("Lord Howe falls back by half an hour, 5 April 2026: 01:30 runs once, the first time",
     "Australia/Lord_Howe", "2026-04-05", [("01:00", "14:00"), ("01:30", "14:30"), ("02:00", "15:30"),
                                           ("02:30", "16:00"), ("03:00", "16:30"), ("03:30", "17:00")]),
    ("UTC has no such night, 29 March 2026", "Etc/UTC", "2026-03-29", [
        ("01:00", "01:00"), ("01:30", "01:30"), ("02:00", "02:00"), ("02:30", "02:30"), ("03:00", "03:00"),
        ("03:30", "03:30")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "day", "expected"), [night[1:] for night in NIGHTS], ids=[night[0] for night in NIGHTS]
)
def test_the_nights_on_which_the_clocks_change(zone, day, expected):
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    schedule = parse_schedule("cron(0/30 1-3 * * ? *)", zone)
    due = runs_between(schedule, midnight, midnight + timedelta(hours=6))
    assert [(f"{one.astimezone(ZoneInfo(zone)):%H:%M}", f"{one:%H:%M}") for one in due] == expected
