"""How a capture and a hunt end: the event first, then the ledger.

In this order a crash in between repeats the event, which its id makes harmless, and never loses it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from shared import items
from shared.models import (
    CAPTURE_FAILED,
    CAPTURE_STALLED,
    HUNT_FINISHED,
    HUNT_MISSED,
    MAX_REPORT_LINES,
    Capture,
    CaptureResult,
    CaptureState,
    Event,
    Hunt,
    HuntReport,
    HuntState,
    dump,
)
from shared.runtime import Runtime

log = logging.getLogger(__name__)


def fail_capture(runtime: Runtime, capture: Capture, reason: str) -> Capture:
    hunt = runtime.ledger.hunt(capture.hunt_id)
    event = Event(
        id=f"{CAPTURE_FAILED}:{capture.hunt_id}:{capture.system.key}",
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


def stall_capture(runtime: Runtime, capture: Capture, since: datetime) -> Capture:
    """It goes on, and that it has not moved since then is told once."""
    hunt = runtime.ledger.hunt(capture.hunt_id)
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
    return runtime.ledger.update_capture(capture, stalled=True)


def skip_hunt(runtime: Runtime, hunt: Hunt, reason: str) -> Hunt:
    """It is not started, and that is told."""
    event = Event(
        id=f"{HUNT_MISSED}:{hunt.id}",
        kind=HUNT_MISSED,
        received_at=runtime.now(),
        text=reason,
        hunt_id=hunt.id,
    )
    _raise(runtime, event)
    log.warning("hunt %s is not started: %s", hunt.id, reason)
    return runtime.ledger.end_hunt(hunt.id, HuntState.SKIPPED, reason)


def end_hunt(runtime: Runtime, hunt: Hunt, state: HuntState, reason: str = "") -> Hunt:
    """Raises the hunt's report as an event. A hunt fails as a whole only before anything was asked for: its
    captures fail with it, without an event for each, since the report says it once."""
    captures = runtime.ledger.captures(hunt.id)
    if state is HuntState.FAILED:
        captures = [_failed(runtime, capture, reason) for capture in captures]
        log.error("hunt %s failed: %s", hunt.id, reason)
    event = Event(
        id=f"{HUNT_FINISHED}:{hunt.id}" + (f"#{hunt.attempt}" if hunt.attempt > 1 else ""),
        kind=HUNT_FINISHED,
        received_at=runtime.now(),
        project_id=hunt.project_id,
        hunt_id=hunt.id,
        report=report(hunt, captures, reason, runtime.ledger.name_of),
    )
    _raise(runtime, event)
    return runtime.ledger.end_hunt(hunt.id, state, reason)


def report(hunt: Hunt, captures: list[Capture], reason: str, name_of: Callable[[str], str]) -> HuntReport:
    worst_first = sorted(captures, key=_badness, reverse=True)
    return HuntReport(
        hunt=hunt.name,
        scheduled_at=hunt.scheduled_at,
        project_id=hunt.project_id,
        systems=len(captures),
        captured=sum(capture.state is CaptureState.PROCESSED for capture in captures),
        failed=sum(capture.state is CaptureState.FAILED for capture in captures),
        with_alarms=sum(bool(capture.malicious or capture.suspicious) for capture in captures),
        captures=tuple(
            CaptureResult(c.system, c.state, c.malicious, c.suspicious, c.reason, name_of(c.system.instance))
            for c in worst_first[:MAX_REPORT_LINES]
        ),
        problems=hunt.problems,
        reason=reason,
    )


def _badness(capture: Capture) -> tuple[int, int, bool]:
    return capture.malicious, capture.suspicious, capture.state is CaptureState.FAILED


def _failed(runtime: Runtime, capture: Capture, reason: str) -> Capture:
    return runtime.ledger.update_capture(
        capture, state=CaptureState.FAILED, reason=reason, ended_at=runtime.now()
    )


def _raise(runtime: Runtime, event: Event) -> None:
    runtime.events.put(items.own_event(dump(event)), id=event.id)
