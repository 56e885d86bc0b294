"""The hours of the week in which people read the messages of a route.

The hours are local times, and local times can be odd where clocks change. An opening that the clocks skip is
when the clocks have changed. Of an opening that happens twice, the first one counts, and of a closing that
happens twice, the second. A window whose hours do not exist on a day is not open on that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WHOLE_DAY = 24 * 60
_DAYS_AHEAD = 30  # a window is open once a week, except where the clocks skip its hours
_EVERY_DAY = tuple(range(7))


@dataclass(frozen=True)
class Window:
    """Minutes since midnight. If it ends before it begins, it passes midnight."""

    begin: int
    end: int  # not included; WHOLE_DAY is the midnight at the end of the day

    def __str__(self) -> str:
        return f"{_clock(self.begin)}-{_clock(self.end)}"


@dataclass(frozen=True)
class ActiveHours:
    """Windows on some days of the week. One that passes midnight belongs to the day on which it begins."""

    days: tuple[int, ...]  # 0 is Monday
    windows: tuple[Window, ...]
    timezone: str = "UTC"

    def is_open(self, moment: datetime) -> bool:
        return any(begin <= moment < end for begin, end in self._around(moment))

    def opening(self, moment: datetime) -> datetime:
        """The moment itself if it is within these hours, otherwise their next beginning, in UTC."""
        begins = [begin for begin, end in self._around(moment) if end > moment]
        return max(moment, min(begins, default=moment))

    def closing(self, moment: datetime) -> datetime | None:
        """When the hours around this moment end, in UTC; None if it is outside them. Windows that follow each
        other are one."""
        closing = None
        for begin, end in sorted(self._around(moment)):
            if begin <= (closing or moment) < end:
                closing = end
        return closing

    def _around(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The beginning and end of each window from the day before this moment on, in UTC."""
        zone = ZoneInfo(self.timezone)
        today = moment.astimezone(zone).date()
        for offset in range(-1, _DAYS_AHEAD):
            day = today + timedelta(days=offset)
            if day.weekday() not in self.days:
                continue
            for window in self.windows:
                end_minute = window.end + (WHOLE_DAY if window.end <= window.begin else 0)
                begin = _moment_of(day, window.begin, zone, fold=0)
                end = _moment_of(day, end_minute, zone, fold=1)
                if begin < end:
                    yield begin, end

    def __str__(self) -> str:
        hours = ", ".join(map(str, self.windows))
        return f"{_days_in_words(self.days)} {hours} {self.timezone}"


def _moment_of(day: date, minutes: int, zone: ZoneInfo, *, fold: int) -> datetime:
    """The moment of a local time: the first or the last of two by `fold`. For a time that the clocks skip,
    the moment at which they do."""
    naive = datetime.combine(day, time()) + timedelta(minutes=minutes)
    moment = naive.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == naive:
        return moment
    before, after = sorted(naive.replace(tzinfo=zone, fold=each).astimezone(UTC) for each in (0, 1))
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < naive:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _days_in_words(days: tuple[int, ...]) -> str:
    """Such as "Mon-Fri" or "Mon, Wed"."""
    if days == _EVERY_DAY:
        return "every day"
    if len(days) > 2 and days == tuple(range(days[0], days[-1] + 1)):
        return f"{DAY_NAMES[days[0]]}-{DAY_NAMES[days[-1]]}"
    return ", ".join(DAY_NAMES[day] for day in days)
