"""Recognises the pipelines of a capture whose request got no answer.

The name of an EC2 instance's pipeline has the id of the instance in it. The platform's names for other kinds
are not public, so their pipelines are found by ruling out all others. A pipeline is ruled out if it belongs
to another capture of the hunt, if it is older than the request, or if it names another system of the hunt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.models.captures import Capture, CaptureState
from shared.models.systems import Kind, System
from shared.platform.answers import Pipeline

# The clocks of the platform and of this machine may differ by this much.
CLOCKS = timedelta(seconds=60)
# How the reasons of captures begin that failed although the platform may have begun them.
PERHAPS_BEGUN = "the platform may have begun it"
NOT_AVAILABLE = "the platform was not available"
_TYPES = ("acquisition", "scanning")
# The parts of a system whose names a pipeline may have, beside the system's own name.
_NAMING = ("pod", "task")


@dataclass(frozen=True)
class Recognised:
    """What the pipelines of a project say about one capture."""

    own: tuple[int, ...]  # the pipelines that acquire its system
    perhaps: tuple[int, ...] = ()  # those that may do so, if `own` is empty


def recognise(
    capture: Capture,
    pipelines: Collection[Pipeline],
    read_captures: Callable[[], Sequence[Capture]],
    settle_after: float,
) -> Recognised:
    """`pipelines`: all of the project. `read_captures`: reads all captures of the hunt. It is called after
    the pipelines were read: then each pipeline that another worker's request has started belongs to a capture
    that is unknown or has its id. `settle_after`: seconds after a request in which its pipelines appear."""
    system = capture.system
    if system.kind is Kind.EC2:
        return Recognised(
            tuple(
                pipeline.id
                for pipeline in pipelines
                if pipeline.triggered_by is None
                and system.instance in pipeline.name
                and pipeline.id not in capture.earlier_pipeline_ids
            )
        )
    candidates = _candidates(capture, pipelines, settle_after)
    if not candidates:
        return Recognised(())
    captures = read_captures()
    taken = {id for other in captures for id in (*other.pipeline_ids, *other.earlier_pipeline_ids)}
    others = [other for other in captures if other.system != system]
    unknown = [other for other in others if _may_have_begun(other)]
    # Only pipelines that no other system of the hunt fits better are left.
    left = [
        pipeline
        for pipeline in candidates
        if pipeline.id not in taken
        and all(_fit(pipeline, other.system) <= _fit(pipeline, system) for other in others)
    ]
    named = [
        pipeline
        for pipeline in left
        if all(_fit(pipeline, other.system) < _fit(pipeline, system) for other in unknown)
        and _fit(pipeline, system)
    ]
    nameless = [other for other in unknown if other.system.kind is not Kind.EC2]
    if not named and not nameless and len(left) <= _expected(capture):
        named = left
    return Recognised(_ids(named), () if named else _ids(left))


def _may_have_begun(capture: Capture) -> bool:
    """Whether a pipeline that nobody knows may belong to this capture."""
    return capture.state is CaptureState.UNKNOWN or (
        capture.state is CaptureState.FAILED
        and not capture.pipeline_ids
        and capture.reason.startswith((PERHAPS_BEGUN, NOT_AVAILABLE))
    )


def _candidates(capture: Capture, pipelines: Collection[Pipeline], settle_after: float) -> list[Pipeline]:
    """The acquisitions that began at the time of the request."""
    first = last = 0.0
    if asked_at := capture.requested_at:
        first = (asked_at - CLOCKS).timestamp()
        last = (asked_at + timedelta(seconds=settle_after) + CLOCKS).timestamp()
    return [
        pipeline
        for pipeline in pipelines
        if pipeline.triggered_by is None
        and pipeline.type in _TYPES
        and (not first or pipeline.created_ms is None or first <= pipeline.created_ms / 1_000 <= last)
    ]


def _fit(pipeline: Pipeline, system: System) -> int:
    """How many names of the system stand in the name of the pipeline, as whole words."""
    if system.kind is Kind.EC2:
        return 2 * (system.instance in pipeline.name)  # no name of another kind counts more than an id
    parts = [system.parts[part] for part in _NAMING if part in system.parts]
    return sum(_holds(pipeline.name, name) for name in {system.name, *parts})


def _holds(text: str, name: str) -> bool:
    if name.lower() not in text.lower():
        return False  # that is nearly always so, and costs little
    return bool(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", text, re.IGNORECASE))


def _expected(capture: Capture) -> int:
    """How many pipelines the platform starts for this capture: for a machine it may be one for each disk."""
    has_disks = capture.system.kind in (Kind.AZURE_VM, Kind.GCE) and capture.mode != "triage"
    return max(1, len(capture.facts.disks_gib) if has_disks and capture.facts else 0)


def _ids(pipelines: Collection[Pipeline]) -> tuple[int, ...]:
    return tuple(pipeline.id for pipeline in pipelines)
