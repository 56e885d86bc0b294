"""Every open hunt to its end: what the platform's pipelines say becomes the state of the captures.

An acquisition starts one processing pipeline per volume; a capture is processed when all of them have
ended, and the hunt is finished when all captures have. Safe to run at any time and more than once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from scheduler.ending import end_hunt, fail_capture
from shared.cado import CadoError, Pipeline
from shared.models import Capture, CaptureState, Evidence, Hunt, HuntState
from shared.runtime import Runtime
from shared.secrets import SecretError

log = logging.getLogger(__name__)

_ENDED = (CaptureState.PROCESSED, CaptureState.FAILED)
# An acquisition shows as complete a moment before its processing pipelines are listed.
GRACE = timedelta(seconds=30)


def follow(runtime: Runtime) -> None:
    """One look at every open hunt. A platform that does not answer costs this look, not the hunt."""
    for hunt in runtime.ledger.open_hunts():
        try:
            follow_hunt(runtime, hunt)
        except (CadoError, SecretError) as error:
            log.warning("hunt %s cannot be followed now: %s", hunt.id, error)


def follow_hunt(runtime: Runtime, hunt: Hunt) -> Hunt:
    if hunt.state in (HuntState.FINISHED, HuntState.FAILED):
        return runtime.ledger.end_hunt(hunt.id, hunt.state, hunt.reason)  # a crash left it among the open
    late = _is_late(runtime, hunt)
    if hunt.project_id is None:
        if late:
            return end_hunt(runtime, hunt, HuntState.FAILED, "its project was never opened")
        return hunt
    captures = runtime.ledger.captures(hunt.id)
    living = [capture for capture in captures if capture.state not in _ENDED]
    if living:
        seen = _Seen.of(runtime.cado.pipelines(hunt.project_id))
        evidences = {evidence.id: evidence for evidence in runtime.cado.evidences(hunt.project_id)}
        living = [_follow_capture(runtime, capture, seen, evidences, late) for capture in living]
    if any(capture.state not in _ENDED for capture in living):
        return hunt
    return end_hunt(runtime, hunt, HuntState.FINISHED)


def _is_late(runtime: Runtime, hunt: Hunt) -> bool:
    started = hunt.created_at or hunt.scheduled_at
    return runtime.now() - started > timedelta(seconds=runtime.config.follow.give_up_after)


@dataclass(frozen=True)
class _Seen:
    """The pipelines of one project: by id, and those that another one triggered."""

    by_id: Mapping[int, Pipeline]
    children: Mapping[int, list[Pipeline]]

    @classmethod
    def of(cls, pipelines: Iterable[Pipeline]) -> _Seen:
        by_id: dict[int, Pipeline] = {}
        children: dict[int, list[Pipeline]] = defaultdict(list)
        for pipeline in pipelines:
            by_id[pipeline.id] = pipeline
            if pipeline.triggered_by is not None:
                children[pipeline.triggered_by].append(pipeline)
        return cls(by_id, children)


def _follow_capture(
    runtime: Runtime, capture: Capture, seen: _Seen, evidences: Mapping[int, Evidence], late: bool
) -> Capture:
    own = [seen.by_id[id] for id in capture.pipeline_ids if id in seen.by_id]
    broken = [pipeline for pipeline in own if pipeline.state in ("failed", "cancelled")]
    if broken:
        return fail_capture(runtime, capture, _why(broken))
    if late:
        return fail_capture(runtime, capture, _why_late(runtime, capture))
    if not own:
        return capture  # not asked for yet, or the platform does not list it yet
    processing = [child for pipeline in own for child in seen.children.get(pipeline.id, ())]
    if not all(pipeline.ended for pipeline in (*own, *processing)):
        return _running(runtime, capture)
    if not processing and _waits_for_processing(runtime, capture, own):
        return runtime.ledger.update_capture(
            capture, state=CaptureState.RUNNING, ended_at=capture.ended_at or runtime.now()
        )
    unfit = [pipeline for pipeline in processing if pipeline.state != "complete"]
    if unfit and len(unfit) == len(processing):
        return fail_capture(runtime, capture, _why(unfit))
    return _processed(runtime, capture, processing, unfit, evidences)


def _waits_for_processing(runtime: Runtime, capture: Capture, own: list[Pipeline]) -> bool:
    if any(pipeline.type == "scanning" for pipeline in own):
        return False  # a scan has no second stage
    return capture.ended_at is None or runtime.now() - capture.ended_at < GRACE


def _processed(
    runtime: Runtime,
    capture: Capture,
    processing: list[Pipeline],
    unfit: list[Pipeline],
    evidences: Mapping[int, Evidence],
) -> Capture:
    by_pipeline = {pipeline.evidence_id for pipeline in processing}
    made = [
        evidence
        for evidence in evidences.values()
        if evidence.id in by_pipeline or evidence.instance == capture.system.instance
    ]
    return runtime.ledger.update_capture(
        capture,
        state=CaptureState.PROCESSED,
        reason=f"{len(unfit)} of {len(processing)} volumes: {_why(unfit)}" if unfit else "",
        evidence_ids=tuple(sorted(evidence.id for evidence in made)),
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


def _running(runtime: Runtime, capture: Capture) -> Capture:
    if capture.state is CaptureState.RUNNING:
        return capture
    return runtime.ledger.update_capture(capture, state=CaptureState.RUNNING)
