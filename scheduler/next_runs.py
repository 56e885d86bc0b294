"""Computes the next times at which a hunt starts, and how daylight saving changes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.config.due_times import parse_schedule, runs_between
from shared.config.hunts import HuntConfig


@dataclass(frozen=True)
class Run:
    """One time of the schedule, in the hunt's time zone."""

    at: datetime
    runs: bool = True  # False if the clocks skip this time
    note: str = ""  # the effect of daylight saving, in words


def next_runs(definition: HuntConfig, after: datetime, count: int = 5) -> list[Run]:
    """The next `count` runs, and between them the times that the clocks skip."""
    schedule, zone = definition.calendar, ZoneInfo(definition.timezone)
    due = after
    runs: list[Run] = []
    before = after.astimezone(zone)
    for _ in range(count):
        following = schedule.next_after(due) if schedule else None
        if following is None:
            break
        at = following.astimezone(zone)
        runs += _skipped(definition, before, at)
        runs.append(Run(at, note="; ".join(_clock_words(before, at))))
        due, before = following, at
    return runs


def _skipped(definition: HuntConfig, before: datetime, until: datetime) -> Iterator[Run]:
    text = (definition.schedule or "").strip()
    if not text.startswith("cron"):
        return
    # Local times, including those that do not exist in the time zone.
    walls = runs_between(parse_schedule(text), _wall(before), _wall(until))
    for wall in walls:
        at = wall.replace(tzinfo=until.tzinfo)
        if _wall(at.astimezone(UTC).astimezone(at.tzinfo)) != wall:
            yield Run(at, runs=False, note="the clocks go forward and skip this time: no run")


def _wall(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC, fold=0)


def _clock_words(before: datetime, at: datetime) -> Iterator[str]:
    was, now = before.utcoffset() or timedelta(0), at.utcoffset() or timedelta(0)
    if was != now:
        yield f"the clocks went {'forward' if now > was else 'back'}: {_offset(was)} became {_offset(now)}"
    if at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset():
        yield "this time comes twice in the night: it runs the first time"


def _offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
