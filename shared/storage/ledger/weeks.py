"""The record of how many events each ISO week had.

A week's document also holds the place in the index of events up to which it has counted. So a count and its
place change in one write, and no event is counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.models.codec import dump, load
from shared.storage import kinds
from shared.storage.ports import Store


@dataclass(frozen=True)
class WeekCounts:
    """The events of one week that were counted so far."""

    severities: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, int] = field(default_factory=dict)
    techniques: Mapping[str, int] = field(default_factory=dict)  # alarms by ATT&CK id
    counted_to: str = ""  # a position in the index of events; empty: nothing is counted yet


class Weeks:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, week: str) -> tuple[WeekCounts, int]:
        """The counts of a week, and the version of the stored document."""
        record = self._store.get(kinds.WEEK, "", week)
        return (load(WeekCounts, record.body), record.version) if record else (WeekCounts(), 0)

    def save(self, week: str, counts: WeekCounts, version: int) -> bool:
        """False, and nothing is written, if another worker has written the week since it was read."""
        return self._store.put(kinds.WEEK, "", week, dump(counts), expect=version)
