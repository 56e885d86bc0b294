"""Starts the hunts that begin when another hunt has ended (`after` in the configuration).

Such a hunt has the scheduled time of the hunt before it. So its id is the same however often that end is
handled, and it begins once.
"""

from __future__ import annotations

import logging

from scheduler.own_events import raise_event
from shared.hosting.runtime import Runtime
from shared.models.event_kinds import HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import Hunt, HuntState
from shared.queues import items

log = logging.getLogger(__name__)


def start_following(runtime: Runtime, before: Hunt, state: HuntState, reason: str) -> None:
    """`before` is about to end with `state`. A run that a person limited to some systems starts nothing."""
    for name, definition in runtime.config.hunts.items():
        after = definition.after
        if after is None or after.hunt != before.name or before.limited_to:
            continue
        hunt = Hunt(name, before.scheduled_at)
        if state is HuntState.FINISHED or after.even_if:
            event = {"hunt": name, "scheduled_at": hunt.scheduled_at.isoformat(), "after": before.id}
            runtime.captures.put(items.encode(items.StartHunt(event)), id=f"start:{hunt.id}")
        elif state is HuntState.STOPPED:
            log.info("hunt does not begin: the one before it was stopped", extra={"hunt": hunt.id})
        else:
            _tell(runtime, hunt, before, state, reason)


def _tell(runtime: Runtime, hunt: Hunt, before: Hunt, state: HuntState, reason: str) -> None:
    event = Event(
        id=f"{HUNT_MISSED}:{hunt.id}",
        kind=HUNT_MISSED,
        received_at=runtime.now(),
        text=f"It begins after {before.id}, which ended with “{state.value}”: {reason}",
        hunt_id=hunt.id,
    )
    raise_event(runtime.events, event)
