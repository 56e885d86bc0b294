"""How a capture and a hunt end: the event first, then the ledger.

In this order a crash in between repeats the event, which its id makes harmless, and never loses it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.event_kinds import CAPTURE_FAILED, CAPTURE_STALLED, HUNT_FINISHED, HUNT_MISSED
from shared.models.events import Event
from shared.models.hunts import COVERAGE_DAYS, MAX_REPORT_LINES, CaptureResult, Hunt, HuntReport, HuntState
from shared.queues import items
from shared.storage.ledger.ledger import Ledger

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


def report(ledger: Ledger, hunt: Hunt, captures: list[Capture], reason: str, now: datetime) -> HuntReport:
    """What the hunt came to, beside the last one of its name that finished."""
    before = ledger.hunts.finished_before(hunt)
    told = {c.system.key: _alarms(c) for c in ledger.captures.of_hunt(before.id)} if before else {}
    new = {c.system.key: max(0, _alarms(c) - told.get(c.system.key, _alarms(c))) for c in captures}
    lines = sorted(captures, key=_badness, reverse=True)
    slowest = max(captures, key=_seconds, default=None)
    covered = ledger.captures.captured_since(now - timedelta(days=COVERAGE_DAYS))

    def line(c: Capture) -> CaptureResult:
        name = ledger.instance_names.get(c.system.instance)
        return CaptureResult(c.system, c.state, c.malicious, c.suspicious, c.reason, name, new[c.system.key])

    return HuntReport(
        hunt=hunt.name,
        scheduled_at=hunt.scheduled_at,
        project_id=hunt.project_id,
        systems=len(captures),
        captured=sum(capture.state is CaptureState.PROCESSED for capture in captures),
        failed=sum(capture.state is CaptureState.FAILED for capture in captures),
        with_alarms=sum(bool(_alarms(capture)) for capture in captures),
        captures=tuple(map(line, lines[:MAX_REPORT_LINES])),
        stopped=bool(hunt.stopped_by),
        problems=hunt.problems,
        reason=reason,
        left_out=hunt.left_out,
        since=before.scheduled_at if before else None,
        new_alarms=sum(new.values()),
        new_with=sum(count > 0 for count in new.values()),
        slowest=line(slowest) if slowest and _seconds(slowest) else None,
        slowest_seconds=_seconds(slowest) if slowest else 0.0,
        covered=sum(capture.system.key in covered for capture in captures),
    )


def _alarms(capture: Capture) -> int:
    return capture.malicious + capture.suspicious


def _seconds(capture: Capture) -> float:
    """From the request to the end; 0 of what was not captured."""
    if capture.state is not CaptureState.PROCESSED or not capture.requested_at or not capture.ended_at:
        return 0.0
    return (capture.ended_at - capture.requested_at).total_seconds()


def _badness(capture: Capture) -> tuple[int, int, bool]:
    return capture.malicious, capture.suspicious, capture.state is CaptureState.FAILED


def _failed(runtime: Runtime, capture: Capture, reason: str) -> Capture:
    return runtime.ledger.captures.update(
        capture, state=CaptureState.FAILED, reason=reason, ended_at=runtime.now()
    )


def _raise(runtime: Runtime, event: Event) -> None:
    runtime.events.put(items.own_event(dump(event)), id=event.id)
