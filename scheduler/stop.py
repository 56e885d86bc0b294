"""A hunt that somebody stops, and a hunt whose failed captures are asked for again.

Both change the ledger, so they may be called beside a `serve` or the functions on AWS: whoever works on the
hunt sees it there. With `cancel`, the platform is asked to end what it has begun.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from scheduler.ending import end_hunt
from scheduler.release import ENDED
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt, HuntState
from shared.platform.answers import Pipeline
from shared.platform.errors import CadoError

log = logging.getLogger(__name__)


class NotPossible(Exception):
    """The hunt is not in a state for this; the text is one sentence for a person."""


@dataclass(frozen=True)
class Stopped:
    hunt: Hunt  # as it stands now: over, or on its way there
    not_asked: int = 0  # captures that will not be asked for
    going_on: int = 0  # captures that the platform goes on with
    cancelled: int = 0  # captures of which every pipeline was cancelled
    problems: tuple[str, ...] = ()  # what could not be cancelled, and why


def stop_hunt(runtime: Runtime, hunt_id: str, *, by: str, cancel: bool = False) -> Stopped:
    """Ask for nothing more in this hunt. `by` says in words who wants that; `cancel`: what runs on the
    platform is cancelled there. The hunt ends when what goes on has ended. To stop it twice is to stop
    it once.

    Raises KeyError where there is no such hunt, NotPossible where it is over, and SecretError with `cancel`
    before anything was changed.
    """
    ledger, hunt = runtime.ledger, runtime.ledger.hunts.get(hunt_id)
    if hunt is None:
        raise KeyError(hunt_id)
    if hunt.over:
        raise NotPossible(f"hunt {hunt.id} is over: {hunt.state.value}")
    cado = runtime.cado if cancel and hunt.project_id is not None else None
    # First of all: whoever asks for a capture looks at it, and asks for no more.
    hunt = ledger.hunts.change(hunt.id, lambda found: found.stopped(by))
    not_asked = sum(
        ledger.captures.claim(
            capture, state=CaptureState.FAILED, reason=hunt.why_stopped, ended_at=runtime.now()
        )
        for capture in ledger.captures.of_hunt(hunt.id)
        if capture.state is CaptureState.PLANNED
    )
    captures = ledger.captures.of_hunt(hunt.id)
    under_way = [capture for capture in captures if capture.state not in ENDED]
    log.warning("hunt %s is stopped by %s: %d captures are not asked for", hunt.id, by, not_asked)
    cancelled, problems = 0, []
    if cado is not None and hunt.project_id is not None and under_way:
        try:
            pipelines = list(cado.pipelines(hunt.project_id))
        except CadoError as error:
            problems.append(f"what runs on the platform is not known: {error}")
        else:
            for capture in under_way:
                own = _of(capture, pipelines)
                said = list(_cancel(cado.cancel_pipeline, own))
                problems += [f"{capture.system.instance}: {text}" for text in said]
                cancelled += bool(own) and not said
    if not under_way:
        hunt = end_hunt(runtime, hunt, HuntState.STOPPED, hunt.why_stopped)
    return Stopped(hunt, not_asked, len(under_way) - cancelled, cancelled, tuple(problems))


def _of(capture: Capture, pipelines: Collection[Pipeline]) -> list[Pipeline]:
    """Those of one capture that have not ended: the acquisition, and the processing that it started. The
    platform may not have answered yet which acquisition that is: then its name says it."""
    own = capture.pipeline_ids or [
        one.id
        for one in pipelines
        if one.triggered_by is None
        and capture.system.instance in one.name
        and one.id not in capture.earlier_pipeline_ids
    ]
    return [one for one in pipelines if not one.ended and (one.id in own or one.triggered_by in own)]


def _cancel(cancel: Callable[[int], None], pipelines: Iterable[Pipeline]) -> Iterator[str]:
    """Cancel these pipelines. Yields a sentence for each that could not be cancelled."""
    for pipeline in pipelines:
        try:
            cancel(pipeline.id)
        except CadoError as error:
            yield f"pipeline {pipeline.id} could not be cancelled: {error}"
