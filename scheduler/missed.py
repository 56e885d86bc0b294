"""Finds hunts that should have started and did not. Starts such a hunt now if it has `catch_up`; otherwise
raises an event `hunt_missed`.

The check does not depend on what starts the hunts: the machine may have been off, the schedule on AWS may
have been deleted, the function may have failed. Runs that were due before a schedule was first seen do not
count. If several runs of one hunt were missed, the last one is started or reported.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.own_events import raise_event
from shared.config.due_times import runs_between
from shared.config.hunts import HuntConfig
from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.stored_times import is_future

log = logging.getLogger(__name__)

# A run that is overdue for longer than this is started only if its hunt has `catch_up`.
MADE_UP_FOR = timedelta(hours=1)
# A run that is late by less than this may still start: the local clock starts runs that are up to an hour
# late, and AWS retries too.
_LATE = MADE_UP_FOR + timedelta(minutes=5)
# How far back the check looks after the clock was wrong.
_LOOK_BACK = timedelta(days=7)
# The most runs that one check looks at, the newest ones. A hunt that runs every minute may miss a month of
# runs.
_MOST = 1_000

Start = Callable[[str, datetime], object]  # the hunt's name, and when it was due


def start_or_report_missed(runtime: Runtime) -> None:
    """The timer's job. Starting a hunt may take minutes, so this puts the start into [captures] as an
    item."""

    def start(name: str, due: datetime) -> None:
        event = {"hunt": name, "scheduled_at": due.isoformat()}
        runtime.captures.put(items.encode(items.StartHunt(event)), id=f"start:{Hunt(name, due).id}")

    check_schedules(runtime, start)


def check_schedules(runtime: Runtime, start: Start) -> None:
    """Check every schedule once. `start` is called for a missed hunt that has `catch_up`. Raises SomeFailed
    after the other schedules were checked."""
    hunts = {name: definition for name, definition in runtime.config.hunts.items() if definition.schedule}
    notes = runtime.ledger.notes
    for name in notes.about(kinds.SCHEDULE_NOTES):
        if name not in hunts:  # if the schedule is added again, it counts as new
            notes.delete(kinds.SCHEDULE_NOTES, name)
    check = _Check(runtime.ledger, runtime.events, runtime.now(), start)
    attempt_each(hunts.items(), lambda hunt: check.schedule(*hunt), lambda hunt: f"hunt {hunt[0]}")


@dataclass(frozen=True)
class _Check:
    """Checks whether the hunts of each schedule were started."""

    ledger: Ledger
    events: Queue
    now: datetime
    start: Start

    def schedule(self, name: str, definition: HuntConfig) -> None:
        notes, form = self.ledger.notes, definition.schedule_form
        seen = notes.get(kinds.SCHEDULE_NOTES, name)
        # Earlier versions stored the schedule without the dates in `skip_dates`.
        if seen.get("schedule") not in (form, f"{definition.schedule} {definition.timezone}"):
            moment = self.now.isoformat()
            notes.save(kinds.SCHEDULE_NOTES, name, {"schedule": form, "first": moment, "looked": moment})
            return
        first, looked = (datetime.fromisoformat(seen[key]) for key in ("first", "looked"))
        first, until = min(first, self.now), self.now - _LATE
        if is_future(looked, self.now):
            # The clock was wrong, and it is not known since when. To check the same days again is harmless:
            # the ledger has the runs that started, and a repeated event is ignored by its id.
            looked = max(first, self.now - _LOOK_BACK)
        calendar = definition.calendar
        if calendar is None:
            return
        if until > looked:
            due = deque(runs_between(calendar, looked, until), _MOST)
            if missed := self._not_started(name, definition, list(due), first):
                self._handle(name, definition, missed)
            looked = until
        after = {"schedule": form, "first": first.isoformat(), "looked": looked.isoformat()}
        if after != seen:
            notes.save(kinds.SCHEDULE_NOTES, name, after)

    def _not_started(
        self, name: str, definition: HuntConfig, due: list[datetime], first: datetime
    ) -> list[datetime]:
        if not due:
            return []
        if not (definition.schedule or "").startswith("rate("):
            return [moment for moment in due if self.ledger.hunts.get(Hunt(name, moment).id) is None]
        # On AWS a rate counts from the moment at which the schedule was created, which is not known here. So
        # any run within the period is enough.
        calendar = definition.calendar
        following = calendar.next_after(due[-1]) if calendar else None
        period = following - due[-1] if following else timedelta(0)
        runs = [hunt.scheduled_at for hunt in self.ledger.hunts.of_name(name) if not hunt.limited_to]
        return [
            moment
            for moment in due
            if moment - period >= first and not any(moment - period < run <= moment + _LATE for run in runs)
        ]

    def _handle(self, name: str, definition: HuntConfig, missed: list[datetime]) -> None:
        hunt = Hunt(name, missed[-1])
        if definition.catch_up:
            log.warning("missed hunt is started now", extra={"hunt": hunt.id})
            self.start(name, missed[-1])
            return
        others = f" {len(missed) - 1} runs before it were missed as well." if len(missed) > 1 else ""
        event = Event(
            id=f"{HUNT_MISSED}:{hunt.id}",
            kind=HUNT_MISSED,
            received_at=self.now,
            text="Nothing started it: huntbridge did not run then, or its schedule is gone or disabled."
            + others,
            hunt_id=hunt.id,
        )
        raise_event(self.events, event)
        log.error("hunt missed", extra={"hunt": hunt.id})
