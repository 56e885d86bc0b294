"""Estimates a hunt: how much data there is to copy, and how long it will take by the last hunts of its name.

AWS is asked for the sizes of the volumes of EC2 instances; the platform has told those of Azure and Google
machines. Nothing is recorded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from scheduler.chosen_systems import Place, Selection
from scheduler.parallel_calls import ParallelCalls
from shared.models.hunts import HuntState
from shared.models.inventory import Fleet
from shared.models.systems import Kind
from shared.storage.ledger.ledger import Ledger

# Seconds for all queries about volumes.
BUDGET = 60.0
# The estimated time is derived from at most this many finished hunts.
_HUNTS_BACK = 5


@dataclass(frozen=True)
class Estimate:
    """How much data a hunt will copy, and how long that will take by its earlier runs."""

    systems: int
    volumes: int | None = None  # None: not known
    gib: int | None = None
    hours: float | None = None  # None: this hunt never finished before
    after_hunts: int = 0  # the number of hunts that `hours` is derived from
    problems: tuple[str, ...] = ()


def estimate(
    fleet: Fleet, ledger: Ledger, now: Callable[[], datetime], name: str, selection: Selection
) -> Estimate:
    """`name` is the name of the hunt. If the volumes of a place cannot be read, `problems` says so."""
    instances: dict[Place, list[str]] = defaultdict(list)
    sizes: list[int] = []  # of the disks that the platform told the size of
    for choice in selection.choices:
        if choice.instance and not choice.why_not:
            if choice.system.kind is Kind.EC2:
                instances[choice.place].append(choice.system.instance)
            else:
                sizes += choice.instance.disks_gib
    with ParallelCalls(now, BUDGET) as calls:
        answers, failures = calls.each(lambda place: fleet.volumes(*place, instances[place]), instances)
    is_known = bool(answers or sizes)
    sizes += [size for volumes in answers.values() for attached in volumes.values() for size in attached]
    hours, after = _hours(ledger, name, len(selection.systems))
    return Estimate(
        systems=len(selection.systems),
        volumes=len(sizes) if is_known else None,
        gib=sum(sizes) if is_known else None,
        hours=hours,
        after_hunts=after,
        problems=tuple(
            dict.fromkeys(
                f"the volumes of {account or 'this machine’s own account'} in {region} are not known: {why}"
                for (account, region), why in failures.items()
            )
        ),
    )


def _hours(ledger: Ledger, name: str, systems: int) -> tuple[float | None, int]:
    """The estimated hours, and the number of hunts that they are derived from. The estimate is the median
    time for one system in the last hunts of this name, times the number of systems."""
    finished = [hunt for hunt in ledger.hunts.of_name(name) if hunt.state is HuntState.FINISHED]
    seconds_each = [
        (hunt.finished_at - (hunt.began_at or hunt.created_at)).total_seconds() / hunt.systems
        for hunt in finished[:_HUNTS_BACK]
        if hunt.finished_at and hunt.created_at and hunt.systems
    ]
    if not seconds_each:
        return None, 0
    return median(seconds_each) * systems / 3_600, len(seconds_each)
