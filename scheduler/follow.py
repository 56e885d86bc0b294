"""Follows every open hunt to its end: derives the states of captures from the platform's pipelines.

An acquisition starts one processing pipeline per volume. A capture is processed when all of these have ended,
and the hunt is finished when all its captures have ended. When a capture has ended, the next one may start.
Safe to run at any time and more than once.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from scheduler.clock_errors import corrected_captures, corrected_hunt
from scheduler.ending import end_hunt, end_stopped, fail_capture, outcome, stall_capture
from scheduler.opening import queue_opening
from scheduler.release_captures import ENDED, plan_again, release, waits
from scheduler.round_robin import round_robin
from scheduler.start import take_turn
from scheduler.worker_seconds import worker_seconds
from shared.failures import SomeFailed
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState, Preserved
from shared.models.evidence import Evidence
from shared.models.hunts import Hunt, HuntState
from shared.models.systems import Kind
from shared.platform.answers import Pipeline
from shared.platform.client import Cado

log = logging.getLogger(__name__)

# An acquisition shows as complete a moment before its processing pipelines are listed.
GRACE = timedelta(seconds=30)


def follow(runtime: Runtime) -> None:
    """Follow every open hunt by one step. If that fails for a hunt, it is logged, and tried again next
    time."""
    with suppress(SomeFailed):
        follow_hunts(runtime)


def follow_hunts(runtime: Runtime) -> None:
    """As `follow`, but raises SomeFailed, after the other hunts, and DeadlineExceeded."""
    round_robin(
        runtime.ledger.notes,
        "follow",
        runtime.ledger.hunts.unfinished(),
        lambda hunt: follow_hunt(runtime, hunt),
        lambda hunt: f"hunt {hunt.id}",
    )


def follow_hunt(runtime: Runtime, hunt: Hunt) -> Hunt:
    """Follow one hunt by one step. Returns the hunt with its new state. Raises CadoError and SecretError if
    the platform cannot be asked."""
    if hunt.over:
        # A crash left it in the list of open hunts.
        return runtime.ledger.hunts.end(hunt.id, hunt.state, hunt.reason)
    hunt = corrected_hunt(runtime.ledger, hunt, runtime.now())
    if hunt.project_id is None:
        return _opening(runtime, hunt)
    captures = corrected_captures(runtime.ledger, runtime.ledger.captures.of_hunt(hunt.id), runtime.now())
    if hunt.stopped_by:
        captures = [
            end_stopped(runtime, hunt, capture) if waits(capture) else capture for capture in captures
        ]
    if any(_is_under_way(capture) for capture in captures):
        project = _Project.read(runtime.cado, hunt.project_id)
        captures = [
            _follow_capture(runtime, hunt, capture, project) if _is_under_way(capture) else capture
            for capture in captures
        ]
    if all(capture.state in ENDED for capture in captures):
        return end_hunt(runtime, hunt, *outcome(hunt, captures))
    release(runtime, hunt, captures)
    return hunt


def _is_under_way(capture: Capture) -> bool:
    return not waits(capture) and capture.state not in ENDED


def _opening(runtime: Runtime, hunt: Hunt) -> Hunt:
    """Follow a hunt that has no project yet."""
    if hunt.stopped_by:  # after a crash: it was stopped, and not ended
        return end_hunt(runtime, hunt, HuntState.STOPPED, hunt.why_stopped)
    turn = take_turn(runtime, hunt)
    if turn is None:
        return hunt  # another hunt with the same name is under way
    since = turn.began_at or hunt.created_at or hunt.scheduled_at
    retry_for = runtime.config.platform.retry_for
    if _is_late(runtime, since):
        return end_hunt(runtime, hunt, HuntState.FAILED, "its project was never opened")
    # The hunt has just got its turn, or a crash lost the item that would have opened its project.
    if hunt.began_at is None or runtime.now() - since > timedelta(seconds=retry_for):
        queue_opening(runtime, hunt, retry_for=retry_for)
    return turn


def _is_late(runtime: Runtime, since: datetime) -> bool:
    return runtime.now() - since > timedelta(seconds=runtime.config.follow.give_up_after)


@dataclass
class _Project:
    """The pipelines of one project: by id, and by the acquisition that triggered them. The project's evidence
    is read when it is first needed, and only once."""

    by_id: Mapping[int, Pipeline]
    children: Mapping[int, list[Pipeline]]
    read_evidences: Callable[[], Iterator[Evidence]]

    @cached_property
    def evidences(self) -> list[Evidence]:
        return list(self.read_evidences())

    @classmethod
    def read(cls, cado: Cado, project_id: int) -> _Project:
        pipelines = cado.pipelines(project_id)
        by_id: dict[int, Pipeline] = {}
        children: dict[int, list[Pipeline]] = defaultdict(list)
        for pipeline in pipelines:
            by_id[pipeline.id] = pipeline
            if pipeline.triggered_by is not None:
                children[pipeline.triggered_by].append(pipeline)
        return cls(by_id, children, lambda: cado.evidences(project_id))


def _follow_capture(runtime: Runtime, hunt: Hunt, capture: Capture, project: _Project) -> Capture:
    own = [project.by_id[id] for id in capture.pipeline_ids if id in project.by_id]
    broken = [pipeline for pipeline in own if pipeline.state in ("failed", "cancelled")]
    if broken:
        return _again_or_failed(runtime, hunt, capture, broken)
    processing = [child for pipeline in own for child in project.children.get(pipeline.id, ())]
    if not own or not all(pipeline.ended for pipeline in (*own, *processing)):
        if _is_late(runtime, capture.released_at or hunt.created_at or hunt.scheduled_at):
            return fail_capture(runtime, capture, _why_late(runtime, capture))
        if not own:
            return capture  # not requested yet, or the platform does not list it yet
        return _running(runtime, capture, [*own, *processing])
    if not processing and _waits_for_processing(runtime, capture, own):
        return runtime.ledger.captures.update(
            capture, state=CaptureState.RUNNING, ended_at=capture.ended_at or runtime.now()
        )
    incomplete = [pipeline for pipeline in processing if pipeline.state != "complete"]
    if incomplete and len(incomplete) == len(processing):
        return _again_or_failed(runtime, hunt, capture, incomplete)
    return _processed(runtime, capture, own, processing, incomplete, project.evidences)


def _again_or_failed(runtime: Runtime, hunt: Hunt, capture: Capture, broken: list[Pipeline]) -> Capture:
    """Request the capture again if the hunt has retries left. A pipeline that somebody cancelled on the
    platform is not repeated."""
    if hunt.stopped_by:
        return end_stopped(runtime, hunt, capture)
    definition = runtime.config.hunts.get(hunt.name)
    retries = definition.retries if definition else 0
    if capture.attempt > retries or any(pipeline.state == "cancelled" for pipeline in broken):
        return fail_capture(runtime, capture, _why(broken))
    log.warning(
        "capture failed and is requested again",
        extra={"hunt": hunt.id, "system": capture.system.key, "reason": _why(broken)},
    )
    return plan_again(runtime.ledger, capture, f"attempt {capture.attempt} failed: {_why(broken)}")


def _waits_for_processing(runtime: Runtime, capture: Capture, own: list[Pipeline]) -> bool:
    if any(pipeline.type == "scanning" for pipeline in own):
        return False  # a scan has no second stage
    return capture.ended_at is None or runtime.now() - capture.ended_at < GRACE


def _processed(
    runtime: Runtime,
    capture: Capture,
    own: list[Pipeline],
    processing: list[Pipeline],
    incomplete: list[Pipeline],
    evidences: list[Evidence],
) -> Capture:
    by_pipeline = {pipeline.evidence_id for pipeline in (*own, *processing)}
    is_ec2 = capture.system.kind is Kind.EC2  # the evidence of other kinds names its system in unknown ways
    made = [
        evidence
        for evidence in evidences
        if evidence.id in by_pipeline or (is_ec2 and evidence.instance == capture.system.instance)
    ]
    return runtime.ledger.captures.update(
        capture,
        state=CaptureState.PROCESSED,
        reason=f"{len(incomplete)} of {len(processing)} volumes: {_why(incomplete)}" if incomplete else "",
        processing_ids=tuple(sorted(pipeline.id for pipeline in processing)),
        evidence_ids=tuple(sorted(evidence.id for evidence in made)),
        preserved=tuple(
            Preserved(
                evidence.id,
                evidence.resource or evidence.name,
                evidence.size_mb,
                evidence.disk_hash,
                evidence.preserved,
            )
            for evidence in sorted(made, key=lambda evidence: evidence.id)
        ),
        worker_seconds=worker_seconds(own, processing, runtime.now()),
        malicious=sum(evidence.malicious or 0 for evidence in made),
        suspicious=sum(evidence.suspicious or 0 for evidence in made),
        ended_at=runtime.now(),
    )


def _why(pipelines: list[Pipeline]) -> str:
    reasons = dict.fromkeys(
        pipeline.reason or f"pipeline {pipeline.id} {pipeline.state} without a reason"
        for pipeline in pipelines
    )
    return "; ".join(reasons)


def _why_late(runtime: Runtime, capture: Capture) -> str:
    hours = runtime.config.follow.give_up_after / 3600
    return f"no end after {hours:.0f} h; it was {capture.state}" + (
        f": {capture.reason}" if capture.reason else ""
    )


def _running(runtime: Runtime, capture: Capture, pipelines: list[Pipeline]) -> Capture:
    counts = Counter(pipeline.state.replace("_", " ") for pipeline in pipelines)
    steps = sum(pipeline.steps_ended for pipeline in pipelines)
    states = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    progress = f"pipelines: {states}; {steps} steps done"
    if capture.state is not CaptureState.RUNNING or capture.progress != progress:
        return runtime.ledger.captures.update(
            capture,
            state=CaptureState.RUNNING,
            progress=progress,
            progress_at=runtime.now(),
            stalled=False,
        )
    since = capture.progress_at or runtime.now()
    if not capture.stalled and runtime.now() - since >= timedelta(seconds=runtime.config.follow.stall_after):
        return stall_capture(runtime, capture, since)
    return capture
