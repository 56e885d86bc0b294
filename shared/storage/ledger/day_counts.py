"""The record of what happened in the last 24 hours. It is some minutes old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.models.codec import dump, load
from shared.storage import kinds
from shared.storage.ports import Key, Record, Store

DAY = timedelta(hours=24)
DAY_COUNTS: Key = (kinds.NOTE, kinds.DAY_NOTES, "counts")


@dataclass(frozen=True)
class DayCounts:
    """The 24 hours before `at`."""

    at: datetime
    events: int = 0
    delivered: Mapping[str, int] = field(default_factory=dict)  # messages, by destination


def last_day_counts(store: Store) -> DayCounts | None:
    return day_counts(store.get(*DAY_COUNTS))


def save_day_counts(store: Store, counts: DayCounts) -> None:
    store.put(*DAY_COUNTS, dump(counts), durable=False)


def day_counts(record: Record | None) -> DayCounts | None:
    return load(DayCounts, record.body) if record else None
