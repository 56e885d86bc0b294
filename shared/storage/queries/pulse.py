"""How everything is in a few figures, for the frame of every page: three requests to DynamoDB.

One of them reads documents whose keys `keys` tells beforehand, so that a page can read them with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.models.severity import Severity
from shared.storage import indexes, kinds
from shared.storage.ports import Key, Store
from shared.storage.queries.attention import read_attention
from shared.storage.queries.cases import counts_of

WEBHOOK: Key = (kinds.NOTE, kinds.WEBHOOK_NOTES, "webhook")
NAMES = 40  # of destinations that are looked at


@dataclass(frozen=True)
class PulseFigures:
    """The figures, as they were read from the store at `at`."""

    at: datetime
    malicious_not_taken: int  # cases
    hunts_running: int
    dead: int  # deliveries
    failing: tuple[str, ...]  # destinations with deliveries that wait after a failed attempt
    has_delivered: bool  # whether any destination got a message
    jobs: Mapping[str, Mapping[str, Any]]  # the notes about jobs of the timer that fail
    webhook: Mapping[str, Any]  # the note about the platform's webhooks
    last_event_at: datetime | None


class PulseQuery:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def __call__(self, destinations: Iterable[str], jobs: Iterable[str]) -> PulseFigures:
        names, jobs, now = list(destinations)[:NAMES], list(jobs), self._now()
        read = self._store.read_many(keys(names, jobs))
        found = read_attention(self._store)
        counts = counts_of((place.position for place in found.open), found.acknowledged, now)
        newest = self._store.positions(indexes.EVENTS, newest_first=True, most=1)
        noted = {name: read.get(job_key(name)) for name in jobs}
        return PulseFigures(
            at=now,
            malicious_not_taken=counts.open[Severity.MALICIOUS],
            hunts_running=len(found.hunts),
            dead=sum(len(found.dead.get(name, ())) for name in names),
            failing=tuple(name for name in names if found.waiting.get(name)),
            has_delivered=any(delivered_key(name) in read for name in names),
            jobs={name: note.body for name, note in noted.items() if note},
            webhook=read[WEBHOOK].body if WEBHOOK in read else {},
            last_event_at=datetime.fromisoformat(newest[0].partition("#")[0]) if newest else None,
        )


def keys(destinations: Iterable[str], jobs: Iterable[str]) -> list[Key]:
    """The documents that the pulse reads by their keys."""
    names = list(destinations)[:NAMES]
    return [WEBHOOK, *map(job_key, jobs), *map(delivered_key, names)]


def job_key(job: str) -> Key:
    return kinds.NOTE, kinds.JOB_NOTES, job


def delivered_key(destination: str) -> Key:
    return kinds.NOTE, kinds.LAST_DELIVERED_NOTES, destination
