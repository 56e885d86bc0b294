"""The clock of one machine: starts each hunt when its schedule is due.

How far it has got is written down, so that a restart neither skips nor repeats a run; to start a hunt twice
for one time would be harmless anyhow, since the time is part of its identity.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from shared.calendar import Schedule
from shared.ledger import Store

log = logging.getLogger(__name__)

# A run that was missed by no more than this (a restart, an update) is made up for; an older one is only
# told, since a hunt that starts in the middle of Monday morning may be worse than one that is left out;
# unless its definition says `catch_up`.
GRACE = timedelta(hours=1)


class Clock:
    def __init__(
        self,
        schedules: Mapping[str, Schedule],
        start: Callable[[str, datetime], object],
        store: Store,
        now: Callable[[], datetime],
        catch_up: Collection[str] = (),
    ) -> None:
        """`catch_up` are the names of hunts that make up for a missed run however late it is."""
        self._schedules, self._catch_up = schedules, catch_up
        self._start = start
        self._store = store
        self._now = now

    def tick(self) -> None:
        """Start what has become due since the last tick, by whichever process that was."""
        now = self._now()
        for name, schedule in self._schedules.items():
            record = self._store.get("clock", "", name)
            last = datetime.fromisoformat(record.body["at"]) if record else now
            due = _latest_due(schedule, last, now)
            if due is not None:
                self._begin(name, due, now)
            if due is not None or record is None:
                self._store.put("clock", "", name, {"at": now.isoformat()})

    def _begin(self, name: str, due: datetime, now: datetime) -> None:
        if now - due > GRACE and name not in self._catch_up:
            log.error("hunt %s was due at %s and nothing ran then; it is left out", name, due.isoformat())
            return
        log.info("hunt %s is due (%s)", name, due.isoformat())
        self._start(name, due)


def _latest_due(schedule: Schedule, after: datetime, now: datetime) -> datetime | None:
    """Of several missed runs the latest: one hunt makes up for all of them."""
    latest = None
    due = schedule.next_after(after)
    while due is not None and due <= now:
        latest, due = due, schedule.next_after(due)
    return latest
