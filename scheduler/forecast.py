"""What a hunt would come to: how much there is to copy, how long that took before, and when it runs next.

A selection and a definition go in; figures for a person come out. AWS is asked for volumes; nothing is
recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from scheduler.targets import Asking, Place, Selection
from shared.config.hunts import HuntConfig
from shared.config.schedule import parse_schedule, runs_between
from shared.hosting.runtime import Runtime
from shared.models.hunts import HuntState

# Seconds for the question after volumes.
BUDGET = 60.0
# So many finished hunts say how long the next one takes.
_HUNTS_BACK = 5


@dataclass(frozen=True)
class Load:
    systems: int
    volumes: int | None = None  # None: not known
    gib: int | None = None
    hours: float | None = None  # None: this hunt never finished before
    after_hunts: int = 0  # so many say it
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A time of the schedule, in its own time zone."""

    at: datetime
    runs: bool = True  # False where the clocks skip it
    note: str = ""  # what daylight saving does to it


def load_of(runtime: Runtime, name: str, selection: Selection) -> Load:
    known = [c for c in selection.choices if not c.out and c.instance]
    places: dict[Place, list[str]] = defaultdict(list)
    for choice in known:
        places[choice.system.account, choice.system.region].append(choice.system.instance)
    fleet = runtime.make_fleet()
    with Asking(runtime.now, BUDGET) as asking:
        answers, failures = asking.each(lambda place: fleet.volumes(*place, places[place]), places)
    sizes = [size for volumes in answers.values() for one in volumes.values() for size in one]
    hours, after = _hours(runtime, name, len(selection.systems))
    return Load(
        systems=len(selection.systems),
        volumes=len(sizes) if answers else None,
        gib=sum(sizes) if answers else None,
        hours=hours,
        after_hunts=after,
        problems=tuple(
            dict.fromkeys(
                f"the volumes of {account or 'this machine’s own account'} in {region} are not known: {why}"
                for (account, region), why in failures.items()
            )
        ),
    )


def _hours(runtime: Runtime, name: str, systems: int) -> tuple[float | None, int]:
    """At the pace of the last hunts of this name, which had the same platform to share."""
    finished = [hunt for hunt in runtime.ledger.hunts.of_name(name) if hunt.state is HuntState.FINISHED]
    paces = [
        (hunt.finished_at - (hunt.began_at or hunt.created_at)).total_seconds() / hunt.systems
        for hunt in finished[:_HUNTS_BACK]
        if hunt.finished_at and hunt.created_at and hunt.systems
    ]
    return (median(paces) * systems / 3_600, len(paces)) if paces else (None, 0)


def next_runs(definition: HuntConfig, after: datetime, count: int = 5) -> list[Run]:
    """The next `count` runs, and among them the times that the clocks skip."""
    schedule, zone = definition.calendar, ZoneInfo(definition.timezone)
    due = after
    found: list[Run] = []
    before = after.astimezone(zone)
    for _ in range(count):
        following = schedule.next_after(due) if schedule else None
        if following is None:
            break
        at = following.astimezone(zone)
        found += _skipped(definition, before, at)
        found.append(Run(at, note="; ".join(_clock_words(before, at))))
        due, before = following, at
    return found


def _skipped(definition: HuntConfig, before: datetime, until: datetime) -> Iterator[Run]:
    text = (definition.schedule or "").strip()
    if not text.startswith("cron"):
        return
    # The times as a clock on the wall would show them, whatever the zone makes of each.
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
