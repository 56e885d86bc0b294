"""How long captures took in the last runs of hunts, by the kind of the system and the mode of the capture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from statistics import mean, quantiles

from scheduler.ranges import Range
from shared.models.captures import Capture, CaptureState
from shared.models.systems import Kind, System
from shared.storage.ledger.ledger import Ledger

HUNTS_BACK = 5  # runs of a hunt that are looked at
_MOST = 5_000  # captures of the hunt that are looked at, and of all others
Sort = tuple[Kind, str]  # kind of the system, mode of the capture

_FULL = Range(1_200, 3_600, 14_400)
_OTHER = Range(300, 900, 3_600)


def assumed(sort: Sort) -> Range:
    """Seconds of a capture of which there is no experience. The platform's maker publishes no figures."""
    kind, mode = sort
    return _FULL if mode == "full" and kind is not Kind.LAMBDA else _OTHER


@dataclass(frozen=True)
class Took:
    """The seconds of one capture: from its request to its end, and of the platform's workers."""

    elapsed: float
    working: float


@dataclass(frozen=True)
class CaptureTimes:
    """What the last captures took."""

    systems: Mapping[str, Took] = field(default_factory=dict)  # by key of the system and mode: the last time
    sorts: Mapping[Sort, Sequence[Took]] = field(default_factory=dict)

    def working(self, system: System, mode: str) -> Range:
        """Seconds of a worker for a capture of this system."""
        if took := self.systems.get(_key(system, mode)):
            return Range.exactly(took.working)
        return _range([took.working for took in self.sorts.get((system.kind, mode), ())]) or assumed(
            (system.kind, mode)
        )

    def elapsed(self, system: System, mode: str) -> Range:
        """Seconds from the request to the end of a capture of this system."""
        if took := self.systems.get(_key(system, mode)):
            return Range.exactly(took.elapsed)
        return _range([took.elapsed for took in self.sorts.get((system.kind, mode), ())]) or assumed(
            (system.kind, mode)
        )

    def count(self, sorts: Collection[Sort]) -> int:
        """How many captures of these sorts were looked at."""
        return sum(len(self.sorts.get(sort, ())) for sort in sorts)


def observe(ledger: Ledger, name: str, others: Collection[str], wanted: Collection[Sort]) -> CaptureTimes:
    """The captures of the last runs of the hunt `name`. Where it has none of the `wanted` sorts, those of the
    `others` count."""
    systems: dict[str, Took] = {}
    sorts: dict[Sort, list[Took]] = defaultdict(list)
    for capture, took in islice(_of_hunt(ledger, name), _MOST):
        systems.setdefault(_key(capture.system, capture.mode), took)
        sorts[capture.system.kind, capture.mode].append(took)
    missing = {*wanted} - {*sorts}
    found = chain.from_iterable(_of_hunt(ledger, other) for other in others) if missing else ()
    for capture, took in islice(found, _MOST):
        if (sort := (capture.system.kind, capture.mode)) in missing:
            sorts[sort].append(took)
    return CaptureTimes(systems, sorts)


def _of_hunt(ledger: Ledger, name: str) -> Iterator[tuple[Capture, Took]]:
    """The captures that succeeded, those of the newest run first."""
    for hunt in ledger.hunts.of_name(name)[:HUNTS_BACK]:
        for capture in ledger.captures.of_hunt(hunt.id):
            if took := how_long(capture):
                yield capture, took


def how_long(capture: Capture) -> Took | None:
    """None if the capture did not succeed, or has no times."""
    if capture.state is not CaptureState.PROCESSED or not capture.requested_at or not capture.ended_at:
        return None
    elapsed = max(0.0, (capture.ended_at - capture.requested_at).total_seconds())
    return Took(elapsed, elapsed if capture.worker_seconds is None else capture.worker_seconds)


def _key(system: System, mode: str) -> str:
    return f"{mode} {system.lasting_key}"


def _range(seconds: Sequence[float]) -> Range | None:
    if not seconds:
        return None
    average = mean(seconds)
    if len(seconds) == 1:
        return Range(average / 2, average, average * 2)
    lower, _, upper = quantiles(seconds, n=4, method="inclusive")
    return Range(min(lower, average), average, max(upper, average))
