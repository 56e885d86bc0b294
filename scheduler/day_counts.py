"""Counts what happened in the last 24 hours, for the overview: events, and messages by destination.

It reads five indexes once a minute, so that the overview, which several people leave open, need not.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from shared.hosting.runtime import Runtime
from shared.storage import indexes
from shared.storage.ledger.day_counts import DAY, DayCounts, last_day_counts, save_day_counts
from shared.storage.stored_times import within_last

EVERY = timedelta(seconds=50)  # the timer runs every minute
_MOST = 50_000  # places of an index


def count_day(runtime: Runtime) -> None:
    """Count, if the last count is older than EVERY."""
    store, now = runtime.store, runtime.now()
    last = last_day_counts(store)
    if last and within_last(EVERY, last.at, now):
        return
    since = indexes.at(now - DAY)
    events = store.positions(indexes.EVENTS, since=since, most=_MOST)
    attempted = {_id(place) for place in store.positions(indexes.DELIVERIES, since=since, most=_MOST)}
    for index in (indexes.DELIVERIES_WAITING, indexes.DELIVERIES_HELD, indexes.DELIVERIES_DEAD):
        attempted -= {_id(place) for place in store.positions(index, most=_MOST)}
    delivered = Counter(id.rpartition("/")[2] for id in attempted)
    save_day_counts(store, DayCounts(now, len(events), delivered))


def _id(position: str) -> str:
    return position.partition("#")[2]
