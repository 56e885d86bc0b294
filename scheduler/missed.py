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

from shared import items
from shared.calendar import runs_between
from shared.config import HuntConfig
from shared.models import HUNT_MISSED, Event, Hunt, dump
from shared.runtime import Runtime

log = logging.getLogger(__name__)

# Until then a run may still start: the local clock makes up for an hour, and AWS tries again as well.
_LATE = timedelta(hours=1, minutes=5)
# Of a hunt that runs every minute, and was away for a month, the newest are enough.
_MOST = 1_000


def look_for_missed(runtime: Runtime, start: Callable[[str, datetime], object]) -> None:
    """One look at every schedule. `start` is how a hunt that says `catch_up` is started all the same."""
    for name, definition in runtime.config.hunts.items():
        if definition.schedule:
            _look(runtime, name, definition, start)


def _look(
    runtime: Runtime, name: str, definition: HuntConfig, start: Callable[[str, datetime], object]
) -> None:
    now, what = runtime.now(), f"{definition.schedule} {definition.timezone}"
    seen = runtime.ledger.note("schedule", name)
    if seen.get("schedule") != what:
        fresh = {"schedule": what, "first": now.isoformat(), "looked": now.isoformat()}
        runtime.ledger.save_note("schedule", name, fresh)
        return
    looked, until = datetime.fromisoformat(seen["looked"]), now - _LATE
    calendar = definition.calendar
    if until <= looked or calendar is None:
        return
    due = deque(runs_between(calendar, looked, until), _MOST)
    if missed := _not_started(runtime, name, definition, list(due), datetime.fromisoformat(seen["first"])):
        if definition.catch_up:
            log.warning("hunt %s was due at %s and is started now", name, missed[-1].isoformat())
            start(name, missed[-1])
        else:
            _tell(runtime, name, missed)
    runtime.ledger.save_note("schedule", name, {**seen, "looked": until.isoformat()})


def _not_started(
    runtime: Runtime, name: str, definition: HuntConfig, due: list[datetime], first: datetime
) -> list[datetime]:
    if not due:
        return []
    if not (definition.schedule or "").startswith("rate("):
        return [at for at in due if runtime.ledger.hunt(Hunt(name, at).id) is None]
    # On AWS a rate counts from the moment at which the schedule was made: one run in each period will do.
    calendar = definition.calendar
    following = calendar.next_after(due[-1]) if calendar else None
    period = following - due[-1] if following else timedelta(0)
    runs = [hunt.scheduled_at for hunt in runtime.ledger.hunts(name)]
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
