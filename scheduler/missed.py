"""Hunts that should have started and did not: started now if the hunt says `catch_up`, else an event
`hunt_missed`.

Every part of huntbridge that runs checks this, because the part that starts hunts may be broken: the machine
was off, the schedule on AWS was deleted, the function failed. Runs that were due before a schedule was first
seen do not count. If several runs of one hunt were missed, the last one is reported, with their number.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.own_events import raise_event
from shared.config.hunts import HuntConfig
from shared.config.schedule import runs_between
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

# A run that is overdue for longer is started only if its hunt says `catch_up`.
MADE_UP_FOR = timedelta(hours=1)
# Until then a run may still start: the local clock makes up for an hour, and AWS tries again as well.
_LATE = MADE_UP_FOR + timedelta(minutes=5)
# How far the check goes back after the clock was set back.
_LOOK_BACK = timedelta(days=7)
# The newest runs of one check. A hunt that runs every minute may have been away for a month.
_MOST = 1_000

Start = Callable[[str, datetime], object]  # the hunt's name, and when it was due


def start_or_report_missed(runtime: Runtime) -> None:
    """The job of the timer. Starting a hunt may take minutes, so the start becomes an item of [captures]."""

    def start(name: str, due: datetime) -> None:
        event = {"hunt": name, "scheduled_at": due.isoformat()}
        runtime.captures.put(items.encode(items.StartHunt(event)), id=f"start:{Hunt(name, due).id}")

    check_schedules(runtime, start)


def check_schedules(runtime: Runtime, start: Start) -> None:
    """Check every schedule once. `start` is called for a missed hunt that says `catch_up`. Raises SomeFailed
    after the other schedules were checked."""
    hunts = {name: definition for name, definition in runtime.config.hunts.items() if definition.schedule}
    notes = runtime.ledger.notes
    for name in notes.about(kinds.SCHEDULE_NOTES):
        if name not in hunts:  # if the schedule comes back, it counts from then
            notes.delete(kinds.SCHEDULE_NOTES, name)
    check = _Check(runtime.ledger, runtime.events, runtime.now(), start)
    attempt_each(hunts.items(), lambda hunt: check.schedule(*hunt), lambda hunt: f"hunt {hunt[0]}")


@dataclass(frozen=True)
class _Check:
    ledger: Ledger
    events: Queue
    now: datetime
    start: Start

    def schedule(self, name: str, definition: HuntConfig) -> None:
        notes, form = self.ledger.notes, definition.schedule_form
        seen = notes.get(kinds.SCHEDULE_NOTES, name)
        # Earlier versions wrote the form without the dates that are skipped.
        if seen.get("schedule") not in (form, f"{definition.schedule} {definition.timezone}"):
            moment = self.now.isoformat()
            notes.save(kinds.SCHEDULE_NOTES, name, {"schedule": form, "first": moment, "looked": moment})
            return
        first, looked = (datetime.fromisoformat(seen[key]) for key in ("first", "looked"))
        first, until = min(first, self.now), self.now - _LATE
        if is_future(looked, self.now):
            # The clock was wrong, and nobody knows since when. Looking back is harmless: the ledger knows the
            # runs that started, and an event that was raised before is ignored by its id.
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
        # On AWS a rate counts from the moment at which the schedule was made. So one run in each period
        # counts.
        calendar = definition.calendar
        following = calendar.next_after(due[-1]) if calendar else None
        period = following - due[-1] if following else timedelta(0)
        runs = [hunt.scheduled_at for hunt in self.ledger.hunts.of_name(name)]
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
