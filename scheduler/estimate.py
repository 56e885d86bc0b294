"""What a hunt would come to: how much there is to copy, how long that took before, and when it runs next.

A selection and a definition go in; figures for a person come out. AWS is asked for volumes; nothing is
recorded.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from scheduler.parallel import ParallelCalls
from scheduler.selection import Place, Selection
from shared.hosting.runtime import Runtime
from shared.models.hunts import HuntState

# Seconds for the question after volumes.
BUDGET = 60.0
# So many finished hunts say how long the next one takes.
_HUNTS_BACK = 5


@dataclass(frozen=True)
class Estimate:
    systems: int
    volumes: int | None = None  # None: not known
    gib: int | None = None
    hours: float | None = None  # None: this hunt never finished before
    after_hunts: int = 0  # so many say it
    problems: tuple[str, ...] = ()


def estimate(runtime: Runtime, name: str, selection: Selection) -> Estimate:
    known = [c for c in selection.choices if not c.out and c.instance]
    places: dict[Place, list[str]] = defaultdict(list)
    for choice in known:
        places[choice.system.account, choice.system.region].append(choice.system.instance)
    fleet = runtime.make_fleet()
    with ParallelCalls(runtime.now, BUDGET) as asking:
        answers, failures = asking.each(lambda place: fleet.volumes(*place, places[place]), places)
    sizes = [size for volumes in answers.values() for one in volumes.values() for size in one]
    hours, after = _hours(runtime, name, len(selection.systems))
    return Estimate(
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
