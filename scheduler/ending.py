"""How a capture and a hunt end: the event first, then the ledger.

In this order a crash in between repeats the event, which its id makes harmless, and never loses it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from scheduler.report import report
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.event_kinds import CAPTURE_FAILED, CAPTURE_STALLED, HUNT_FINISHED, HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import Hunt, HuntState
from shared.queues import items

log = logging.getLogger(__name__)


def fail_capture(runtime: Runtime, capture: Capture, reason: str, *, same: str = "") -> Capture:
    """`same` names a cause that is not the system's own: of all captures that fail by it, one is told."""
    hunt = runtime.ledger.hunts.get(capture.hunt_id)
    again = f"#{capture.attempt}" if capture.attempt > 1 else ""
    event = Event(
        id=f"{CAPTURE_FAILED}:{capture.hunt_id}:{same or capture.system.key}{again}",
        kind=CAPTURE_FAILED,
        received_at=runtime.now(),
        text=reason,
        project_id=hunt.project_id if hunt else None,
        system=capture.system,
        hunt_id=capture.hunt_id,
    )
    _raise(runtime, event)
    log.warning("capture of %s in hunt %s failed: %s", capture.system.key, capture.hunt_id, reason)
    return _failed(runtime, capture, reason)


def end_stopped(runtime: Runtime, hunt: Hunt, capture: Capture) -> Capture:
    """A capture that its hunt's end took with it. The hunt's report tells of it."""
    return _failed(runtime, capture, hunt.why_stopped)


def outcome(hunt: Hunt, captures: Sequence[Capture]) -> tuple[HuntState, str]:
    """The final state of a hunt whose captures have all ended, and the reason."""
    if hunt.stopped_by:
        return HuntState.STOPPED, hunt.why_stopped
    if captures and not any(capture.state is CaptureState.PROCESSED for capture in captures):
        reasons = Counter(capture.reason for capture in captures)
        return HuntState.EMPTY, reasons.most_common(1)[0][0]
    return HuntState.FINISHED, ""


def stall_capture(runtime: Runtime, capture: Capture, since: datetime) -> Capture:
    """It goes on, and that it has not moved since then is told once."""
    hunt = runtime.ledger.hunts.get(capture.hunt_id)
    event = Event(
        id=f"{CAPTURE_STALLED}:{capture.hunt_id}:{capture.system.key}:{since:%Y%m%dT%H%M%SZ}",
        kind=CAPTURE_STALLED,
        received_at=runtime.now(),
        text=f"No progress since {since:%Y-%m-%d %H:%M} UTC. On the platform: {capture.progress}",
        project_id=hunt.project_id if hunt else None,
        system=capture.system,
        hunt_id=capture.hunt_id,
    )
    _raise(runtime, event)
    log.warning("capture of %s in hunt %s has stalled: %s", capture.system.key, capture.hunt_id, event.text)
    return runtime.ledger.captures.update(capture, stalled=True)


def skip_hunt(runtime: Runtime, hunt: Hunt, reason: str, *, tell: bool = True) -> Hunt:
    """It is not started. `tell`: that is raised as an event."""
    event = Event(
        id=f"{HUNT_MISSED}:{hunt.id}",
        kind=HUNT_MISSED,
        received_at=runtime.now(),
        text=reason,
        hunt_id=hunt.id,
    )
    if tell:
        _raise(runtime, event)
    log.warning("hunt %s is not started: %s", hunt.id, reason)
    return runtime.ledger.hunts.end(hunt.id, HuntState.SKIPPED, reason)


def end_hunt(runtime: Runtime, hunt: Hunt, state: HuntState, reason: str = "") -> Hunt:
    """Raises the hunt's report as an event. A hunt fails as a whole only before anything was asked for: its
    captures fail with it, without an event for each, since the report says it once."""
    captures = runtime.ledger.captures.of_hunt(hunt.id)
    if state is HuntState.FAILED:
        captures = [_failed(runtime, capture, reason) for capture in captures]
        log.error("hunt %s failed: %s", hunt.id, reason)
    event = Event(
        id=f"{HUNT_FINISHED}:{hunt.id}" + (f"#{hunt.attempt}" if hunt.attempt > 1 else ""),
        kind=HUNT_FINISHED,
        received_at=runtime.now(),
        project_id=hunt.project_id,
        hunt_id=hunt.id,
        report=report(runtime.ledger, hunt, captures, reason, runtime.now()),
    )
    _raise(runtime, event)
    return runtime.ledger.hunts.end(hunt.id, state, reason)


def _failed(runtime: Runtime, capture: Capture, reason: str) -> Capture:
    return runtime.ledger.captures.update(
        capture, state=CaptureState.FAILED, reason=reason, ended_at=runtime.now()
    )


def _raise(runtime: Runtime, event: Event) -> None:
    runtime.events.put(items.own_event(dump(event)), id=event.id)
