"""Computes how long a hunt takes, and whether it ends before its next run.

The captures are laid end to end in as many rows as run at once. Nothing is asked or read.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.cost import READ_SECONDS
from shared.config.hunts import HuntConfig, parse_window
from shared.phrases import counted, duration

DEFAULT_SLOTS = 5  # if neither the configuration nor the platform says how many captures run at once


@dataclass(frozen=True)
class Load:
    """One capture, as far as the time depends on it."""

    place: tuple[str, str]  # account and region, whose limit of reading is shared
    seconds: float  # from its request to its end
    read_gib: float = 0.0  # data that is read from snapshots of EC2


@dataclass(frozen=True)
class Capacity:
    """When a hunt begins and ends, by what its captures are likely to take."""

    captures: int
    slots: int  # how many run at once
    begins: datetime
    ends: datetime
    next_run: datetime | None = None
    fits: int | None = None  # captures that end before the next run; None if all do
    limited_by_reading: bool = False  # AWS's limit for reading snapshots makes it last longer

    @property
    def seconds(self) -> float:
        return (self.ends - self.begins).total_seconds()

    @property
    def text(self) -> str:
        """Such as "about 31 h 0 min, 10 captures at once"."""
        words = f"about {duration(self.seconds)}, {counted(self.slots, 'capture')} at once"
        return (
            f"{words}; AWS's limit for reading snapshots sets the pace" if self.limited_by_reading else words
        )

    @property
    def warning(self) -> str:
        """Empty if the hunt ends before its next run."""
        if self.fits is None or self.next_run is None:
            return ""
        until = duration((self.next_run - self.begins).total_seconds())
        room = f"`max_systems: {self.fits}` fits" if self.fits else "not even one capture fits"
        return f"the hunt takes {duration(self.seconds)}, its next run begins after {until}: {room}"


def capacity(loads: Sequence[Load], slots: int, definition: HuntConfig, begins: datetime) -> Capacity:
    """`loads` in the order of the captures. `begins`: when the hunt starts."""
    calendar = definition.calendar
    next_run = calendar.next_after(begins) if calendar else None
    free = [begins] * min(slots, max(1, len(loads)))
    reading: dict[tuple[str, str], float] = defaultdict(float)
    ends, fits, limited = begins, 0, False
    for load in loads:
        end = _opens(definition, heapq.heappop(free)) + timedelta(seconds=load.seconds)
        reading[load.place] += load.read_gib * READ_SECONDS
        if (read := begins + timedelta(seconds=reading[load.place])) > end:
            end, limited = read, True
        heapq.heappush(free, end)
        ends = max(ends, end)
        fits += next_run is None or end <= next_run
    late = next_run is not None and ends > next_run
    return Capacity(len(loads), slots, begins, ends, next_run, fits if late else None, limited)


def _opens(definition: HuntConfig, moment: datetime) -> datetime:
    """The first time from `moment` on at which the window of the hunt is open."""
    if definition.window is None or definition.may_start(moment):
        return moment
    zone, begins = ZoneInfo(definition.timezone), parse_window(definition.window).begins
    local = moment.astimezone(zone)
    opens = local.replace(hour=begins.hour, minute=begins.minute, second=0, microsecond=0, fold=0)
    if opens <= local:
        opens += timedelta(days=1)
    return opens.astimezone(moment.tzinfo)
