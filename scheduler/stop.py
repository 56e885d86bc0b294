"""Stops a hunt. This only changes the ledger, and with `cancel` also the running pipelines on the platform.

So it may run while `serve` or the functions on AWS run: their workers read the change from the ledger.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scheduler.ending import end_hunt
from scheduler.recognise import recognise
from scheduler.release_captures import ENDED
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt, HuntState
from shared.platform.answers import Pipeline
from shared.platform.errors import CadoError

log = logging.getLogger(__name__)


class NotPossible(Exception):
    """The state of the hunt does not allow the operation. The text is one sentence for people."""


@dataclass(frozen=True)
class Stopped:
    """The result of `stop_hunt`."""

    hunt: Hunt  # its new state: over, or about to end
    not_asked: int = 0  # captures that will not be requested
    going_on: int = 0  # captures that go on running on the platform
    cancelled: int = 0  # captures whose pipelines were all cancelled
    problems: tuple[str, ...] = ()  # what could not be cancelled, and why


def stop_hunt(runtime: Runtime, hunt_id: str, *, by: str, cancel: bool = False) -> Stopped:
    """Request no more captures of this hunt. `by` names who stops it. `cancel`: also cancel its running
    pipelines on the platform. The hunt ends when its last running capture has ended. Safe to repeat.

    Raises KeyError if there is no such hunt, NotPossible if it is over, and SecretError (with `cancel`)
    before anything was changed.
    """
    ledger, hunt = runtime.ledger, runtime.ledger.hunts.get(hunt_id)
    if hunt is None:
        raise KeyError(hunt_id)
    if hunt.over:
        raise NotPossible(f"hunt {hunt.id} is over: {hunt.state.value}")
    cado = runtime.cado if cancel and hunt.project_id is not None else None
    # This comes first, because workers check it before they request a capture.
    hunt = ledger.hunts.change(hunt.id, lambda stored: stored.stopped(by))
    not_asked = sum(
        ledger.captures.claim(
            capture, state=CaptureState.FAILED, reason=hunt.why_stopped, ended_at=runtime.now()
        )
        for capture in ledger.captures.of_hunt(hunt.id)
        if capture.state is CaptureState.PLANNED
    )
    captures = ledger.captures.of_hunt(hunt.id)
    under_way = [capture for capture in captures if capture.state not in ENDED]
    log.warning("hunt stopped", extra={"hunt": hunt.id, "by": by, "not_requested": not_asked})
    cancelled, problems = 0, []
    if cado is not None and hunt.project_id is not None and under_way:
        try:
            pipelines = list(cado.pipelines(hunt.project_id))
        except CadoError as error:
            problems.append(f"what runs on the platform is not known: {error}")
        else:
            for capture in under_way:
                running = _running(runtime, capture, captures, pipelines)
                failures = list(_cancel(cado.cancel_pipeline, running))
                problems += [f"{capture.system.title}: {failure}" for failure in failures]
                cancelled += bool(running) and not failures
    if not under_way:
        hunt = end_hunt(runtime, hunt, HuntState.STOPPED, hunt.why_stopped)
    return Stopped(hunt, not_asked, len(under_way) - cancelled, cancelled, tuple(problems))


def _running(
    runtime: Runtime, capture: Capture, captures: Sequence[Capture], pipelines: Collection[Pipeline]
) -> list[Pipeline]:
    """The pipelines of one capture that have not ended: the acquisition, and the processing that it started.
    While the ids of the acquisition are not stored yet, huntbridge tries to recognise it."""
    settle_after = runtime.config.platform.settle_after
    own = capture.pipeline_ids or recognise(capture, pipelines, lambda: captures, settle_after).own
    return [
        pipeline
        for pipeline in pipelines
        if not pipeline.ended and (pipeline.id in own or pipeline.triggered_by in own)
    ]


def _cancel(cancel: Callable[[int], None], pipelines: Iterable[Pipeline]) -> Iterator[str]:
    """Cancel these pipelines. Yields a sentence for each that could not be cancelled."""
    for pipeline in pipelines:
        try:
            cancel(pipeline.id)
        except CadoError as error:
            yield f"pipeline {pipeline.id} could not be cancelled: {error}"
