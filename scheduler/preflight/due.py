"""Decides when people are told what a preflight found: on the last working day before the run.

A working day is Monday to Friday in the time zone of the hunt.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.config.hunts import HuntConfig

_SATURDAY = 5


def run_to_tell_of(definition: HuntConfig, now: datetime) -> datetime | None:
    """The next run that begins after today, if it is time to tell what will keep it from working. None if
    that is told on a later day, or if there is no such run."""
    zone, calendar = ZoneInfo(definition.timezone), definition.calendar
    if calendar is None:
        return None
    today = now.astimezone(zone).date()
    midnight = datetime.combine(today + timedelta(days=1), time(), zone)
    run = calendar.next_after(midnight - timedelta(seconds=1))
    if run is None or today < last_working_day_before(run.astimezone(zone).date()):
        return None
    return run


def last_working_day_before(day: date) -> date:
    before = day - timedelta(days=1)
    while before.weekday() >= _SATURDAY:
        before -= timedelta(days=1)
    return before
