"""EventBridge's expressions: when they are due, across daylight saving, and what is said about wrong ones."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from shared.config.due_times import parse_schedule


def due(expression: str, after: str, count: int = 1, zone: str = "Etc/UTC") -> list[str]:
    schedule, moment, found = parse_schedule(expression, zone), datetime.fromisoformat(after), []
    for _ in range(count):
        following = schedule.next_after(moment)
        if following is None:
            break
        moment = following
        found.append(f"{moment:%Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(0 2 ? * SUN *)", "2026-11-24T00:00Z", ["2026-11-29 02:00", "2026-12-06 02:00"]),
        ("cron(0 2 ? * 1 *)", "2026-11-29T02:00Z", ["2026-12-06 02:00", "2026-12-13 02:00"]),
        ("cron(0 2 * * ? *)", "2026-11-24T02:00Z", ["2026-11-25 02:00", "2026-11-26 02:00"]),
        ("cron(0/20 9-10 ? * MON-FRI *)", "2026-11-27T10:30Z", ["2026-11-27 10:40", "2026-11-30 09:00"]),
        ("cron(0 0 ? * FRI-MON *)", "2026-11-24T00:00Z", ["2026-11-27 00:00", "2026-11-28 00:00"]),
        ("cron(15 10 L * ? *)", "2026-02-01T00:00Z", ["2026-02-28 10:15", "2026-03-31 10:15"]),
        ("cron(0 8 LW * ? *)", "2026-05-01T00:00Z", ["2026-05-29 08:00", "2026-06-30 08:00"]),
        ("cron(0 8 1W * ? *)", "2026-07-30T00:00Z", ["2026-08-03 08:00", "2026-09-01 08:00"]),
        ("cron(0 8 15W * ? *)", "2026-11-01T00:00Z", ["2026-11-16 08:00", "2026-12-15 08:00"]),
        ("cron(0 8 ? * 6L *)", "2026-11-01T00:00Z", ["2026-11-27 08:00", "2026-12-25 08:00"]),
        ("cron(0 8 ? * TUE#2 *)", "2026-11-11T00:00Z", ["2026-12-08 08:00", "2027-01-12 08:00"]),
        ("cron(0 8 ? * MON#5 *)", "2026-11-11T00:00Z", ["2026-11-30 08:00", "2027-03-29 08:00"]),
        ("cron(0 0 29 2 ? *)", "2026-01-01T00:00Z", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 1 JAN,JUL ? 2027-2028)", "2027-08-01T00:00Z", ["2028-01-01 00:00", "2028-07-01 00:00"]),
        ("cron(0 0 31 2 ? *)", "2026-01-01T00:00Z", []),
        ("cron(0 0 1 1 ? 2020)", "2026-01-01T00:00Z", []),
        ("rate(5 minutes)", "2026-11-24T00:02:30Z", ["2026-11-24 00:05", "2026-11-24 00:10"]),
        ("rate(1 hour)", "2026-11-24T00:00Z", ["2026-11-24 01:00", "2026-11-24 02:00"]),
        ("rate(7 days)", "2026-11-24T00:00Z", ["2026-11-26 00:00", "2026-12-03 00:00"]),
        ("at(2027-01-31T02:00:00)", "2026-11-24T00:00Z", ["2027-01-31 02:00"]),
        ("at(2027-01-31T02:00:00)", "2027-01-31T02:00Z", []),
    ],
)
def test_when_it_is_due(expression, after, expected):
    assert due(expression, after, 2) == expected


@pytest.mark.parametrize(
    ("night", "expression", "after", "expected"),
    [
        # Berlin: 02:00 → 03:00 on 29 March 2026, 03:00 → 02:00 on 25 October 2026.
        (
            "spring, before",
            "cron(30 1 ? * SUN *)",
            "2026-03-28T12:00Z",
            ["2026-03-29 00:30", "2026-04-04 23:30"],
        ),
        ("spring, skipped", "cron(30 2 ? * SUN *)", "2026-03-28T12:00Z", ["2026-04-05 00:30"]),
        ("spring, after", "cron(30 3 ? * SUN *)", "2026-03-28T12:00Z", ["2026-03-29 01:30"]),
        (
            "autumn, once",
            "cron(30 2 ? * SUN *)",
            "2026-10-24T12:00Z",
            ["2026-10-25 00:30", "2026-11-01 01:30"],
        ),
        ("autumn, once", "cron(30 2 ? * SUN *)", "2026-10-25T00:30Z", ["2026-11-01 01:30"]),
    ],
)
def test_daylight_saving_in_berlin(night, expression, after, expected):
    assert due(expression, after, len(expected), "Europe/Berlin") == expected


def test_every_quarter_of_an_hour_the_clocks_change_only_what_they_must():
    schedule = parse_schedule("cron(0/15 * * * ? *)", "America/New_York")
    moment, runs = datetime(2026, 10, 31, tzinfo=UTC), []
    while moment < datetime(2026, 11, 2, tzinfo=UTC):
        later = schedule.next_after(moment)
        assert later is not None
        moment = later
        runs.append(moment)
    gaps = [(second - first).total_seconds() / 60 for first, second in pairwise(runs)]
    assert sorted(set(gaps)) == [15, 75]  # the hour that comes twice runs once
    assert gaps.count(75) == 1


@pytest.mark.parametrize(
    ("text", "zone", "said"),
    [
        (
            "0 2 * * *",
            "Etc/UTC",
            "'0 2 * * *' is not a schedule; write one such as cron(0 2 ? * SUN *), rate(7 days)",
        ),
        (
            "cron(0 2 * * *)",
            "Etc/UTC",
            "has 5 fields, not 6: minute hour day-of-month month day-of-week year",
        ),
        ("cron(0 2 * * * *)", "Etc/UTC", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(0 2 ? * ? *)", "Etc/UTC", "exactly one of day-of-month and day-of-week must be ?"),
        ("cron(60 2 ? * SUN *)", "Etc/UTC", "minute '60' is not 0–59"),
        ("cron(0 2 ? * SUNDAY *)", "Etc/UTC", "day-of-week 'SUNDAY' is not 1–7 or SUN, MON, TUE"),
        ("cron(0/0 2 ? * SUN *)", "Etc/UTC", "a step is a whole number above 0"),
        ("cron(0 2 32 * ? *)", "Etc/UTC", "day-of-month '32' is not 1–31"),
        ("cron(0 2 ? * 1#6 *)", "Etc/UTC", "day-of-week '1#6'"),
        ("rate(1 days)", "Etc/UTC", "AWS wants 1 day, but 2 days"),
        ("rate(0 days)", "Etc/UTC", "a whole number and a unit, such as rate(7 days)"),
        ("at(tomorrow)", "Etc/UTC", "write it as at(2027-01-31T02:00:00)"),
        ("at(2026-03-29T02:30:00)", "Europe/Berlin", "the clocks of Europe/Berlin skip that time"),
        ("rate(1 day)", "Berlin", "'Berlin' is not a time zone; write one such as Europe/Berlin or Etc/UTC"),
        ("rate(1 day)", "../etc/passwd", "is not a time zone"),
    ],
)
def test_what_is_said_about_a_wrong_one(text, zone, said):
    with pytest.raises(ValueError) as error:
        parse_schedule(text, zone)
    assert said in str(error.value)
