"""The clock of one machine: starts each hunt when its schedule is due.

How far it has got is written down with the form of the schedule, so that a restart neither skips nor repeats
a run, and a schedule that is new or edited starts nothing that was due before. To start a hunt twice for one
time would be harmless anyhow, since the time is part of its identity.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from shared.config.schedule import Schedule
from shared.failures import attempt_each
from shared.storage import kinds
from shared.storage.ports import Store

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
        forms: Mapping[str, str] | None = None,
    ) -> None:
        """`catch_up` are the names of hunts that make up for a missed run however late it is. `forms` says
        how each schedule is written: one that was edited counts from when it was first seen in its form."""
        self._schedules, self._catch_up, self._forms = schedules, catch_up, forms or {}
        self._start = start
        self._store = store
        self._now = now
        self._forgot = False  # whether the hunts that are gone from the configuration were forgotten

    def tick(self) -> None:
        """Start what has become due since the last tick, by whichever process that was. Raises SomeFailed
        where not every hunt could be looked at; the next tick looks at those again."""
        if not self._forgot:
            self._forget_others()
            self._forgot = True
        now = self._now()
        attempt_each(self._schedules.items(), lambda one: self._look(*one, now), lambda one: f"hunt {one[0]}")

    def _look(self, name: str, schedule: Schedule, now: datetime) -> None:
        record = self._store.get(kinds.CLOCK, "", name)
        form = self._forms.get(name, "")
        before = record.body if record else {}
        last = datetime.fromisoformat(before["at"]) if before else now
        # The version before wrote no form: then it is taken for the same.
        if last > now or before.get("schedule", form) != form:
            last = now
        due = _latest_due(schedule, last, now)
        if due is not None:
            self._begin(name, due, now)
        after = {"at": (now if due is not None else last).isoformat(), "schedule": form}
        if after != before:
            self._store.put(kinds.CLOCK, "", name, after)

    def _forget_others(self) -> None:
        """A hunt that is put back into the configuration counts from then."""
        for record in list(self._store.scan(kinds.CLOCK, "")):
            if record.name not in self._schedules and not record.name.startswith("@"):
                self._store.delete(kinds.CLOCK, "", record.name)

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
