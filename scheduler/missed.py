"""Hunts that should have started and did not: schedules and the ledger go in, events of kind `hunt_missed`
come out.

Whatever runs next looks, since what was to start the hunt may be what is broken: the machine was off, the
schedule on AWS was deleted, the function failed. What was due before a schedule was first seen is nobody's
fault. Of several missed runs of one hunt the last one is told, with their number.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.config.hunts import HuntConfig
from shared.config.schedule import runs_between
from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.codec import dump
from shared.models.event_kinds import HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.queues import items
from shared.storage import kinds
from shared.storage.stored_times import is_future

log = logging.getLogger(__name__)

# A run that is due for longer is started only where its hunt says `catch_up`.
MADE_UP_FOR = timedelta(hours=1)
# Until then a run may still start: the local clock makes up for an hour, and AWS tries again as well.
_LATE = MADE_UP_FOR + timedelta(minutes=5)
# So far back a look goes again after the clock was set back.
_LOOK_BACK = timedelta(days=7)
# Of a hunt that runs every minute, and was away for a month, the newest are enough.
_MOST = 1_000


def look_for_missed(runtime: Runtime, start: Callable[[str, datetime], object]) -> None:
    """One look at every schedule. `start` is how a hunt that says `catch_up` is started all the same. Raises
    SomeFailed after the others were looked at."""
    hunts = {name: one for name, one in runtime.config.hunts.items() if one.schedule}
    for name in runtime.ledger.notes.about(kinds.SCHEDULE_NOTES):
        if name not in hunts:  # put back, it counts from then
            runtime.ledger.notes.delete(kinds.SCHEDULE_NOTES, name)
    attempt_each(hunts.items(), lambda one: _look(runtime, *one, start), lambda one: f"hunt {one[0]}")


def _look(
    runtime: Runtime, name: str, definition: HuntConfig, start: Callable[[str, datetime], object]
) -> None:
    now, form = runtime.now(), definition.schedule_form
    seen = runtime.ledger.notes.get(kinds.SCHEDULE_NOTES, name)
    # The version before wrote the form without the dates that are skipped.
    if seen.get("schedule") not in (form, f"{definition.schedule} {definition.timezone}"):
        fresh = {"schedule": form, "first": now.isoformat(), "looked": now.isoformat()}
        runtime.ledger.notes.save(kinds.SCHEDULE_NOTES, name, fresh)
        return
    first, looked = (datetime.fromisoformat(seen[key]) for key in ("first", "looked"))
    first, until = min(first, now), now - _LATE
    if is_future(looked, now):
        # The clock was wrong, and it is not known since when. What ran is in the ledger, and what was told
        # is not told again.
        looked = max(first, now - _LOOK_BACK)
    calendar = definition.calendar
    if calendar is None:
        return
    if until > looked:
        due = deque(runs_between(calendar, looked, until), _MOST)
        if missed := _not_started(runtime, name, definition, list(due), first):
            if definition.catch_up:
                log.warning("hunt %s was due at %s and is started now", name, missed[-1].isoformat())
                start(name, missed[-1])
            else:
                _tell(runtime, name, missed)
        looked = until
    after = {"schedule": form, "first": first.isoformat(), "looked": looked.isoformat()}
    if after != seen:
        runtime.ledger.notes.save(kinds.SCHEDULE_NOTES, name, after)


def _not_started(
    runtime: Runtime, name: str, definition: HuntConfig, due: list[datetime], first: datetime
) -> list[datetime]:
    if not due:
        return []
    if not (definition.schedule or "").startswith("rate("):
        return [at for at in due if runtime.ledger.hunts.get(Hunt(name, at).id) is None]
    # On AWS a rate counts from the moment at which the schedule was made: one run in each period will do.
    calendar = definition.calendar
    following = calendar.next_after(due[-1]) if calendar else None
    period = following - due[-1] if following else timedelta(0)
    runs = [hunt.scheduled_at for hunt in runtime.ledger.hunts.of_name(name)]
    return [
        at for at in due if at - period >= first and not any(at - period < run <= at + _LATE for run in runs)
    ]


def _tell(runtime: Runtime, name: str, missed: list[datetime]) -> None:
    others = f" {len(missed) - 1} runs before it were missed as well." if len(missed) > 1 else ""
    event = Event(
        id=f"{HUNT_MISSED}:{Hunt(name, missed[-1]).id}",
        kind=HUNT_MISSED,
        received_at=runtime.now(),
        text=f"Nothing started it: huntbridge did not run then, or its schedule is gone or disabled.{others}",
        hunt_id=Hunt(name, missed[-1]).id,
    )
    runtime.events.put(items.own_event(dump(event)), id=event.id)
    log.error("hunt %s was due at %s and was missed", name, missed[-1].isoformat())
