"""Reads the gauges that nobody records: what waits in the queues, open cases, coverage, each destination.

Each group of gauges is read at most once in a while, however often somebody asks. If a group cannot be read,
its gauges are left out, and STORE_UP tells of a store that cannot be used.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.hosting.runtime import Runtime
from shared.metrics import definitions as metrics
from shared.metrics.instruments import Reading
from shared.storage import kinds
from shared.storage.ports import NotNow

log = logging.getLogger(__name__)

_SOON, _LATER = 5.0, 60.0  # seconds for which a group is kept


@dataclass(frozen=True)
class _Group:
    name: str  # for the log
    read: Callable[[Runtime], Iterator[Reading]]
    kept: float  # seconds


class Readings:
    """Safe to use from several threads."""

    def __init__(
        self, runtime: Runtime, clock: Callable[[], float] = time.monotonic, *, queues: bool = True
    ) -> None:
        """`queues`: whether the queues are read as well."""
        self._runtime, self._clock = runtime, clock
        self._groups = _GROUPS if queues else tuple(group for group in _GROUPS if group is not _QUEUES)
        self._lock = threading.Lock()  # so that two requests at once read a group once
        self._kept: dict[str, tuple[float, list[Reading]]] = {}

    def __call__(self) -> Sequence[Reading]:
        with self._lock:
            return [reading for group in self._groups for reading in self._of(group)]

    def _of(self, group: _Group) -> list[Reading]:
        now = self._clock()
        at, readings = self._kept.get(group.name, (None, []))
        if at is None or now - at >= group.kept:
            readings = self._read(group)
            self._kept[group.name] = now, readings
        return readings

    def _read(self, group: _Group) -> list[Reading]:
        try:
            return list(group.read(self._runtime))
        except NotNow as error:
            log.warning("metrics not read", extra={"what": group.name, "reason": error})
        except Exception:  # a fault in one group must not hide the others, least of all during an outage
            log.exception("metrics not read", extra={"what": group.name})
        return []


def _store(runtime: Runtime) -> Iterator[Reading]:
    try:
        body = {"at": runtime.now().isoformat()}
        runtime.store.put(kinds.NOTE, kinds.HEALTH_NOTES, "write", body, durable=False)
    except NotNow:
        yield metrics.STORE_UP.read(0)
    else:
        yield metrics.STORE_UP.read(1)


def _queues(runtime: Runtime) -> Iterator[Reading]:
    for queue in (runtime.captures, runtime.events, runtime.deliveries):
        depth = queue.depth()
        counts = {"ready": depth.ready, "delayed": depth.delayed, "leased": depth.leased}
        for state, count in counts.items():
            yield metrics.QUEUE_ITEMS.read(count, queue=queue.name, state=state)
        yield metrics.QUEUE_DEAD.read(depth.dead, queue=queue.name)
        if depth.oldest:
            yield metrics.QUEUE_OLDEST.read(depth.oldest.timestamp(), queue=queue.name)


def _destinations(runtime: Runtime) -> Iterator[Reading]:
    for name, health in runtime.queries.deliveries.by_destination(runtime.config.destinations).items():
        yield metrics.LAST_DELIVERED.read(_moment(health.last_delivered_at), destination=name)
        yield metrics.WAITING_DELIVERIES.read(health.waiting, destination=name)
        yield metrics.DEAD_DELIVERIES.read(health.dead, destination=name)
        yield metrics.FAILING_SINCE.read(_moment(health.failing_since), destination=name)


def _cases(runtime: Runtime) -> Iterator[Reading]:
    counts = runtime.queries.cases.counts()
    for state, by_severity in (("open", counts.open), ("acknowledged", counts.acknowledged)):
        for severity in metrics.SEVERITIES:
            yield metrics.CASES.read(by_severity.get(severity, 0), state=state, severity=severity.value)
    ages = {
        "day": counts.under_a_day,
        "week": counts.one_to_seven_days,
        "older": counts.over_seven_days,
    }
    for age, count in ages.items():
        yield metrics.CASES_BY_AGE.read(count, age=age)
    if counts.oldest_open_at:
        yield metrics.OLDEST_CASE.read(counts.oldest_open_at.timestamp())


def _hunts(runtime: Runtime) -> Iterator[Reading]:
    hunts = runtime.ledger.hunts
    yield metrics.OPEN_HUNTS.read(len(hunts.unfinished()))
    yield metrics.LAST_HUNT_FINISHED.read(hunts.last_finished(runtime.config.hunts).timestamp())


def _webhook(runtime: Runtime) -> Iterator[Reading]:
    seen = runtime.ledger.notes.get(kinds.WEBHOOK_NOTES, "webhook")
    yield metrics.WEBHOOK_BROKEN.read(1 if seen.get("broken") else 0)


def _coverage(runtime: Runtime) -> Iterator[Reading]:
    summary = runtime.queries.coverage.summary()
    yield metrics.COVERED_SYSTEMS.read(summary.captured)
    yield metrics.KNOWN_SYSTEMS.read(summary.known)
    yield metrics.FAILED_LISTINGS.read(summary.failures)
    if summary.listed is not None:
        yield metrics.LISTED_SYSTEMS.read(summary.listed)
        yield metrics.UNSELECTED_SYSTEMS.read(summary.unselected_total)


def _moment(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


_QUEUES = _Group("the queues", _queues, _SOON)
_GROUPS = (
    _Group("the store", _store, _SOON),
    _QUEUES,
    _Group("the destinations", _destinations, _SOON),
    _Group("the cases", _cases, _SOON),
    _Group("the hunts", _hunts, _LATER),
    _Group("the webhook", _webhook, _LATER),
    _Group("the coverage", _coverage, _LATER),
)
