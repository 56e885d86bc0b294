"""ISO weeks as texts, such as 2026-W48. All weeks begin on Monday, 00:00 UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta


def week_of(moment: datetime) -> str:
    year, week, _ = moment.astimezone(UTC).isocalendar()
    return f"{year:04}-W{week:02}"


def monday_of(week: str) -> date:
    """Raises ValueError for a text that is not a week."""
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def begin_of(week: str) -> datetime:
    return datetime.combine(monday_of(week), time(), UTC)


def end_of(week: str) -> datetime:
    return begin_of(week) + timedelta(days=7)


def last_weeks(now: datetime, number: int) -> list[str]:
    """The last weeks, oldest first; the last one is the week of `now`."""
    return [week_of(now - timedelta(weeks=back)) for back in reversed(range(number))]
