"""Starts a hunt for a trigger: a schedule, a request, the end of another hunt, or an event of EventBridge.

If the same trigger arrives twice, the hunt is started once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from scheduler.again import on_again
from scheduler.event_triggers import on_trigger
from scheduler.guardduty import SOURCE, on_finding
from scheduler.plan import prepare
from scheduler.start import BY_HAND, start
from shared.hosting.runtime import Runtime
from shared.models.hunts import Hunt

log = logging.getLogger(__name__)

# EventBridge Scheduler replaces this with the scheduled time ("Adding context attributes" in its user guide).
_PLACEHOLDER = "<aws.scheduler.scheduled-time>"


def is_trigger(event: Mapping[str, Any]) -> bool:
    return "hunt" in event or "detail-type" in event


def on_event(runtime: Runtime, event: Mapping[str, Any]) -> dict[str, Any]:
    """Start the hunt that an event asks for: `{"hunt": name, "scheduled_at": time}`, or an event of
    EventBridge. An event with `by` comes from the person of that name, for whom `skip_dates` do not count;
    one with `after` comes from the end of the hunt of that id. One with `again` asks for one system.

    The result is only logged by the function. Raises KeyError if the configuration has no such hunt, and
    ValueError if `scheduled_at` is not a time.
    """
    if event.get("source") == SOURCE:
        return on_finding(runtime, event)
    if "detail-type" in event:
        return on_trigger(runtime, event)
    if "again" in event:
        again = on_again(runtime, event)
        return {"hunt": again.id, "state": again.state}
    name, at, by = event["hunt"], scheduled_at(event), str(event.get("by") or "")
    if not by and runtime.config.hunts[name].skips(at):
        log.info("hunt not started: skip_dates has this date", extra={"hunt": name})
        return {"hunt": name, "state": "skipped"}
    hunt = on_schedule(runtime, name, at, by=by, after=str(event.get("after") or ""))
    return {"hunt": hunt.id, "state": hunt.state}


def on_schedule(
    runtime: Runtime, name: str, scheduled_at: datetime, *, by: str = "", after: str = ""
) -> Hunt:
    """Start a hunt at its time, now for the person `by`, or since the hunt `after` has ended. Raises KeyError
    if the configuration has no such hunt."""
    planned = prepare(runtime, name, scheduled_at)
    schedule = runtime.config.hunts[name].schedule
    trigger = f"schedule {schedule}" if schedule else "a request to the scheduler"
    if after:
        trigger = f"the end of {after}"
    if by:
        trigger = f"{BY_HAND}{by}"
    return start(runtime, planned, retry_for=runtime.config.platform.retry_for, trigger=trigger)


def scheduled_at(event: Mapping[str, Any]) -> datetime:
    """The scheduled time, which is part of the hunt's id. A repeated event has the same time. Raises
    ValueError."""
    text = event.get("scheduled_at")
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise ValueError(
            f"scheduled_at {text!r} is not a time; in a schedule write {_PLACEHOLDER}, else 2027-01-31T02:00Z"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
