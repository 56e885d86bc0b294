"""The clock of one machine: it starts each hunt when its schedule is due.

It stores how far it has come, with the text of the schedule. So a restart neither skips nor repeats a run,
and a new or edited schedule starts nothing that was due earlier. Starting a hunt twice for the same time
would be harmless, since the time is part of the hunt's id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta

from shared.config.due_times import Schedule
from shared.failures import attempt_each
from shared.storage import kinds
from shared.storage.ports import Store

log = logging.getLogger(__name__)

# A run that was missed by up to this long, such as in a restart or an update, starts late. An older run is
# only reported, since a hunt on Monday morning may be worse than a missing one. Hunts in `catch_up` start all
# the same.
GRACE = timedelta(hours=1)


class Clock:
    def __init__(
        self,
        schedules: Mapping[str, Schedule],
        start: Callable[[str, datetime], object],
        store: Store,
        now: Callable[[], datetime],
        catch_up: Collection[str] = (),
        texts: Mapping[str, str] | None = None,
    ) -> None:
        """`catch_up` names the hunts whose missed runs start however late it is. `texts` has the text of each
        schedule: an edited schedule counts from the first tick with its new text."""
        self._schedules, self._catch_up, self._texts = schedules, catch_up, texts or {}
        self._start = start
        self._store = store
        self._now = now
        self._cleaned_up = False  # whether hunts that left the configuration were deleted here

    def tick(self) -> None:
        """Start the hunts that became due since the last tick of any process. Raises SomeFailed if some
        hunts could not be checked or started; the next tick tries these again."""
        if not self._cleaned_up:
            self._delete_others()
            self._cleaned_up = True
        now = self._now()
        attempt_each(
            self._schedules,
            lambda name: self._check(name, self._schedules[name], now),
            lambda name: f"hunt {name}",
        )

    def _check(self, name: str, schedule: Schedule, now: datetime) -> None:
        record = self._store.get(kinds.CLOCK, "", name)
        text = self._texts.get(name, "")
        before = record.body if record else {}
        last = datetime.fromisoformat(before["at"]) if before else now
        # Without a stored text, which earlier versions did not write, the schedule counts as unchanged.
        if last > now or before.get("schedule", text) != text:
            last = now
        due = _latest_due(schedule, last, now)
        if due is not None:
            self._begin(name, due, now)
        after = {"at": (now if due is not None else last).isoformat(), "schedule": text}
        if after != before:
            self._store.put(kinds.CLOCK, "", name, after)

    def _delete_others(self) -> None:
        """Forget hunts that left the configuration, so that a hunt that comes back counts from its return."""
        for record in list(self._store.scan(kinds.CLOCK, "")):
            if record.name not in self._schedules and not record.name.startswith("@"):
                self._store.delete(kinds.CLOCK, "", record.name)

    def _begin(self, name: str, due: datetime, now: datetime) -> None:
        keys = {"hunt": name, "due": due.isoformat()}
        if now - due > GRACE and name not in self._catch_up:
            log.error("hunt left out: nothing ran when it was due", extra=keys)
            return
        log.info("hunt due", extra=keys)
        self._start(name, due)


def _latest_due(schedule: Schedule, after: datetime, now: datetime) -> datetime | None:
    """The latest of several missed runs, since one hunt makes up for all of them."""
    latest = None
    due = schedule.next_after(after)
    while due is not None and due <= now:
        latest, due = due, schedule.next_after(due)
    return latest
