"""The JSON of a pipeline, by v3 and by v2, and the state that it describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import Field, WrapValidator

from shared.platform.answers import Pipeline
from shared.platform.errors import Unavailable
from shared.platform.wire import (
    LATEST,
    Count,
    Flag,
    Id,
    JsonObject,
    NamedJson,
    Part,
    StartedJson,
    Text,
    or_none,
    parse,
)
from shared.text import one_line


class StepsJson(JsonObject):
    total: Count = None
    success: Count = None
    failure: Count = None
    cancelled: Count = None
    running: Count = None

    @property
    def all_ended(self) -> bool:
        ended = (self.success or 0) + (self.failure or 0) + (self.cancelled or 0)
        return ended > 0 and ended == self.total


class StepJson(JsonObject):
    name: Text = None
    state: Text = None
    progress_text: Annotated[list[Text], Part] = Field(default_factory=list)


class PipelineJson(JsonObject):
    name: Text = None
    pipeline: Annotated[NamedJson, Part] = NamedJson()
    project: Annotated[NamedJson, Part] = NamedJson()
    evidence: Annotated[NamedJson, Part] = NamedJson()
    summary: Annotated[StepsJson, Part] = StepsJson()
    status: Text = None  # since 2.269
    terminated: Flag = None
    aborted: Flag = None
    triggering_pipeline_id: Id = None
    created: Annotated[float | str | None, WrapValidator(or_none)] = None  # ms; v2: naive ISO time
    start_time: Annotated[float | str | None, WrapValidator(or_none)] = None  # ms
    subtasks: Annotated[list[StepJson], Part] = Field(default_factory=list)
    pipeline_id: Id = None  # this field and the next four are v2's
    pipeline_type: Text = None
    project_id: Id = None
    evidence_id: Id = None
    evidence_name: Text = None


def pipeline_from(pipeline: PipelineJson) -> Pipeline | None:
    """None if the JSON names no id."""
    number = _first(pipeline.pipeline.id, pipeline.pipeline_id)
    if number is None:
        return None
    state = _state(pipeline)
    return Pipeline(
        id=number,
        type=one_line(pipeline.pipeline.type or pipeline.pipeline_type or "", 40),
        name=one_line(pipeline.name or ""),
        state=state,
        project_id=_first(pipeline.project.id, pipeline.project_id),
        # v2 writes 0 if there is no evidence.
        evidence_id=_first(pipeline.evidence.id, pipeline.evidence_id or None),
        triggered_by=pipeline.triggering_pipeline_id,
        created_ms=_milliseconds(pipeline.created),
        reason=_reason(pipeline) if state == "failed" else "",
        steps_ended=(pipeline.summary.success or 0) + (pipeline.summary.failure or 0),
        started_ms=_milliseconds(pipeline.start_time),
    )


def pipelines_from(items: Iterable[Any]) -> Iterator[Pipeline]:
    """Each pipeline once, whatever the list repeats."""
    seen = set()
    for item in items:
        pipeline = pipeline_from(parse(PipelineJson, item))
        if pipeline is not None and pipeline.id not in seen:
            seen.add(pipeline.id)
            yield pipeline


def pipeline_ids(started: Any) -> tuple[int, ...]:
    """The pipelines that a request for a capture has started."""
    ids = parse(StartedJson, started).ids
    if not ids:
        raise Unavailable(
            "The platform took the capture and did not say which pipeline it started.", ambiguous=True
        )
    return ids


_STATES = {
    "success": "complete",  # this state and the next three: before 2.269
    "failure": "failed",
    "canceled": "cancelled",
    "running": "in_progress",
    **{state: state for state in ("queued", "in_progress", "complete", "failed", "cancelled")},
}


def _state(pipeline: PipelineJson) -> str:
    """The platform returns the state since 2.269. For older platforms, and for the state "pending", the state
    is derived from the counts of its steps."""
    steps = pipeline.summary
    if state := _STATES.get((pipeline.status or "").lower()):
        return state
    if pipeline.terminated or pipeline.aborted or steps.all_ended:
        if steps.failure:
            return "failed"
        return "cancelled" if pipeline.aborted or steps.cancelled else "complete"
    return "in_progress" if steps.running or steps.success or steps.failure else "queued"


def _reason(pipeline: PipelineJson) -> str:
    failed = [step for step in pipeline.subtasks if (step.state or "").upper() == "FAILURE"]
    reasons = [text for step in failed for text in step.progress_text if text] or [
        f"{step.name} failed" for step in failed if step.name
    ]
    return one_line("; ".join(dict.fromkeys(reasons)), 300)


def _first(*candidates: int | None) -> int | None:
    return next((number for number in candidates if number is not None), None)


def _milliseconds(created: float | str | None) -> int | None:
    try:
        if isinstance(created, str):
            created = datetime.fromisoformat(created).replace(tzinfo=UTC).timestamp() * 1_000
        milliseconds = int(created or 0)
    except (ValueError, OverflowError):
        return None
    return milliseconds if 0 < milliseconds <= LATEST.timestamp() * 1_000 else None
