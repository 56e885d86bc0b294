"""What a person does with hunts: run one now, stop a run, request again what failed. Each act is written to
the audit log. The commands and the console use these functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from scheduler import retry as retrying
from scheduler import stop as stopping
from scheduler.plan import Plan
from scheduler.retry import Retried
from scheduler.start import BY_HAND
from scheduler.start import start as start_hunt
from scheduler.stop import NotPossible, Stopped
from shared.hosting.runtime import Runtime
from shared.models.hunts import Hunt, HuntState
from shared.models.people import Person
from shared.queues import items
from shared.storage import audit

__all__ = ["NotPossible", "Person", "ask_for_run", "retry", "run", "stop"]


def run(runtime: Runtime, planned: Plan, person: Person, *, retry_for: float) -> Hunt:
    """Start a planned hunt. `retry_for` and the result are those of `scheduler.start`."""
    limit = planned.hunt.limited_to
    trigger = f"{BY_HAND}{person}" + (f", {limit}" if limit else "")
    started = start_hunt(runtime, planned, retry_for=retry_for, trigger=trigger)
    after = {"state": started.state, "systems": started.systems} | ({"limited_to": limit} if limit else {})
    _audited(runtime, audit.HUNT_RUN, started, person, {}, after)
    return started


def ask_for_run(runtime: Runtime, name: str, at: datetime, person: Person) -> Hunt:
    """Ask the scheduler to start the hunt `name`, and do not wait for it, since looking up the systems of a
    hunt may take minutes. The same `at` again asks for the same run. Returns the run as it will be.

    Raises KeyError if the configuration has no such hunt, and NotPossible if the hunt would be skipped since
    another run of it is under way.
    """
    definition = runtime.config.hunts[name]
    hunt = Hunt(name, at.replace(microsecond=0), mode=definition.capture)
    last = runtime.ledger.hunts.last_turn(name)
    other = runtime.ledger.hunts.get(last) if last else None
    if definition.overlap == "skip" and other and not other.over and other.id != hunt.id:
        raise NotPossible(f"{other.id} is under way; stop it, or wait until it has ended")
    event = {"hunt": name, "scheduled_at": hunt.scheduled_at.isoformat(), "by": str(person)}
    runtime.captures.put(items.encode(items.StartHunt(event)), id=f"start:{hunt.id}")
    _audited(runtime, audit.HUNT_RUN, hunt, person, {}, {"state": "asked for"})
    return hunt


def stop(runtime: Runtime, hunt: Hunt, person: Person, *, cancel: bool) -> Stopped:
    """Request no more captures of the hunt. Raises what `scheduler.stop` raises."""
    stopped = stopping.stop_hunt(runtime, hunt.id, by=str(person), cancel=cancel)
    after = {
        "state": HuntState.STOPPED,
        "not_asked": stopped.not_asked,
        "cancelled": stopped.cancelled,
        "going_on": stopped.going_on,
    }
    _audited(runtime, audit.HUNT_STOP, hunt, person, {"state": hunt.state}, after)
    return stopped


def retry(runtime: Runtime, hunt: Hunt, person: Person, *, retry_for: float) -> Retried:
    """Request the failed captures of the hunt again. Raises what `scheduler.retry` raises, and NotPossible if
    nothing failed."""
    retried = retrying.retry_failed(runtime, hunt.id, by=str(person), retry_for=retry_for)
    if not retried.again:
        raise NotPossible(f"nothing failed in hunt {hunt.id}; it is {hunt.state.value}")
    after = {"state": retried.hunt.state, "asked_again": retried.again}
    _audited(runtime, audit.HUNT_RUN, hunt, person, {"state": hunt.state}, after)
    return retried


def _audited(
    runtime: Runtime,
    action: str,
    hunt: Hunt,
    person: Person,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    entry = audit.Entry(runtime.now(), action, person.name, person.origin, hunt.id, before, after)
    audit.record(runtime.store, entry, f"{action} {hunt.id}")
