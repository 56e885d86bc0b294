"""Ends captures and hunts: raises the event first, then changes the ledger (see
`scheduler/own_events.py`)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from scheduler.following_hunts import start_following
from scheduler.own_events import raise_event
from scheduler.report import report
from scheduler.vulnerabilities import record_vulnerabilities
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.event_kinds import CAPTURE_FAILED, CAPTURE_STALLED, HUNT_FINISHED, HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import Hunt, HuntState, HuntTotals

log = logging.getLogger(__name__)


def fail_capture(runtime: Runtime, capture: Capture, reason: str, *, same: str = "") -> Capture:
    """End a capture as failed, with an event. `same` names a cause that several captures of the hunt share:
    one event is then raised for all of them."""
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
    raise_event(runtime.events, event)
    log.warning(
        "capture failed",
        extra={"hunt": capture.hunt_id, "system": capture.system.key, "reason": reason},
    )
    return _failed(runtime, capture, reason)


def end_stopped(runtime: Runtime, hunt: Hunt, capture: Capture) -> Capture:
    """End a capture as failed because its hunt was stopped. The hunt's report says so; no event is raised."""
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
    """Raise one event, which says that the capture has made no progress since `since`. The capture goes
    on."""
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
    raise_event(runtime.events, event)
    log.warning(
        "capture has stalled",
        extra={"hunt": capture.hunt_id, "system": capture.system.key, "reason": event.text},
    )
    return runtime.ledger.captures.update(capture, stalled=True)


def skip_hunt(runtime: Runtime, hunt: Hunt, reason: str, *, tell: bool = True) -> Hunt:
    """End a hunt as not started. `tell`: raise an event `hunt_missed`."""
    event = Event(
        id=f"{HUNT_MISSED}:{hunt.id}",
        kind=HUNT_MISSED,
        received_at=runtime.now(),
        text=reason,
        hunt_id=hunt.id,
    )
    if tell:
        raise_event(runtime.events, event)
    log.warning("hunt is not started", extra={"hunt": hunt.id, "reason": reason})
    return runtime.ledger.hunts.end(hunt.id, HuntState.SKIPPED, reason)


def end_hunt(runtime: Runtime, hunt: Hunt, state: HuntState, reason: str = "") -> Hunt:
    """End a hunt, raise its report as an event, and start the hunts that begin after it.

    A hunt fails as a whole only before any capture was requested. Then its captures fail too, without events
    of their own, since the report has the reason.
    """
    captures = runtime.ledger.captures.of_hunt(hunt.id)
    if state is HuntState.FAILED:
        captures = [_failed(runtime, capture, reason) for capture in captures]
        log.error("hunt failed", extra={"hunt": hunt.id, "reason": reason})
    else:
        record_vulnerabilities(runtime, hunt, captures)
    event = Event(
        id=f"{HUNT_FINISHED}:{hunt.id}" + (f"#{hunt.attempt}" if hunt.attempt > 1 else ""),
        kind=HUNT_FINISHED,
        received_at=runtime.now(),
        project_id=hunt.project_id,
        hunt_id=hunt.id,
        report=report(runtime.ledger, hunt, captures, reason, runtime.now()),
    )
    raise_event(runtime.events, event)
    start_following(runtime, hunt, state, reason)
    return runtime.ledger.hunts.end(hunt.id, state, reason, HuntTotals.of(captures))


def _failed(runtime: Runtime, capture: Capture, reason: str) -> Capture:
    return runtime.ledger.captures.update(
        capture, state=CaptureState.FAILED, reason=reason, ended_at=runtime.now()
    )
