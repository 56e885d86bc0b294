"""API v3: pipelines, with the state of each of their steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo.platform.calls import Call, Field, Refused, orders, sorted_by
from demo.platform.records import Pipeline, Step
from demo.platform.v3.answers import PIPELINE_START_TIME, PIPELINE_STATUS, STATUS_LIMIT, Answer, milliseconds

PIPELINE_TYPES = (
    "processing", "acquisition", "healthcheck", "investigation_kicker", "accountdiscovery", "analysis",
    "remote_action", "deletion", "archiving", "scanning",
)  # fmt: skip
STATES = ("complete", "failed", "cancelled", "in_progress", "queued")
OLD_STATES = {
    "success": ("complete",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
    "pending": ("in_progress", "queued"),
}


def list_pipelines(call: Call) -> Answer:
    project, evidence = call.number("project_id"), call.number("evidence_id")
    evidence_name, project_name = call.text("evidence_name"), call.text("investigation_name")
    user, parent = call.number("user_id"), call.number("triggering_pipeline_id")
    type_, states = call.text("type", PIPELINE_TYPES), _wanted_states(call)
    keys = _pipeline_keys(call)
    order = call.text("order_by", orders(keys)) or "-created"
    matching = [
        p
        for p in call.world.pipelines.values()
        if (project is None or p.project_id == project)
        and (evidence is None or p.evidence_id == evidence)
        and (parent is None or p.triggered_by == parent)
        and (user is None or p.user.id == user)
        and (type_ is None or p.type == type_)
        and (states is None or p.state in states)
        and (evidence_name is None or _evidence_name(call, p) == evidence_name)
        and (project_name is None or call.world.projects[p.project_id].name == project_name)
    ]
    part, page = call.page(sorted_by(matching, order, keys))
    grouped = [
        _pipeline(call, p) | {"subtasks": [{"name": s.name, "state": s.state} for s in p.steps]} for p in part
    ]
    return Answer(grouped, page)


def get_pipeline(call: Call, pipeline_id: int) -> Answer:
    pipeline = _known_pipeline(call, pipeline_id)
    return Answer(_pipeline(call, pipeline) | {"subtasks": [_step(s) for s in pipeline.steps]})


def abort_pipeline(call: Call, pipeline_id: int) -> Answer:
    pipeline = _known_pipeline(call, pipeline_id)
    if not call.body({"aborted": Field(bool, required=True)})["aborted"]:
        raise Refused(400, "aborted can only be set to true")
    call.world.abort(pipeline, call.now)
    return Answer({"pipeline_id": pipeline.id})


def pipelines_status(call: Call) -> Answer:
    project = call.number("project_id")
    states = [p.state for p in call.world.pipelines.values() if project is None or p.project_id == project]
    counts = {state: states.count(state) for state in ("complete", "failed", "in_progress", "queued")}
    if call.version >= STATUS_LIMIT:
        counts["limit"] = call.world.workers
    return Answer(counts)


def _known_pipeline(call: Call, pipeline_id: int) -> Pipeline:
    pipeline = call.world.pipelines.get(pipeline_id)
    if pipeline is None:
        raise Refused(404, "Pipeline not found")
    return pipeline


def _wanted_states(call: Call) -> tuple[str, ...] | None:
    if call.version >= PIPELINE_STATUS:
        state = call.text("pipeline_status", STATES)
        return None if state is None else (state,)
    word = call.text("pipeline_status", tuple(OLD_STATES))
    return None if word is None else OLD_STATES[word]


def _evidence_name(call: Call, pipeline: Pipeline) -> str:
    evidence = call.world.evidences.get(pipeline.evidence_id or 0)
    return evidence.name if evidence else ""


def _pipeline_keys(call: Call) -> dict[str, Callable[[Pipeline], Any]]:
    return {
        "project_name": lambda p: call.world.projects[p.project_id].name,
        "evidence_name": lambda p: _evidence_name(call, p),
        "created": lambda p: p.id,
        "user_name": lambda p: p.user.name,
    }


def _pipeline(call: Call, pipeline: Pipeline) -> dict[str, Any]:
    states = [step.state for step in pipeline.steps]
    project = call.world.projects[pipeline.project_id]
    item: dict[str, Any] = {
        "aborted": pipeline.aborted,
        "can_be_terminated": not pipeline.ended,
        "created": milliseconds(pipeline.created),
        "evidence": None,
        "kick_off": [],
        "name": pipeline.name,
        "pipeline": {"id": pipeline.id, "type": pipeline.type},
        "project": {"id": project.id, "name": project.name},
        "summary": {
            "total": len(states),
            **{
                word.lower(): states.count(word)
                for word in ("SUCCESS", "FAILURE", "PENDING", "CANCELLED", "RUNNING")
            },
        },
        "terminated": pipeline.ended,
        "user": {"id": pipeline.user.id, "name": pipeline.user.name},
    }
    if pipeline.evidence_id:
        item["evidence"] = {"id": pipeline.evidence_id, "name": _evidence_name(call, pipeline)}
    if pipeline.triggered_by:
        item["triggering_pipeline_id"] = pipeline.triggered_by
    if call.version >= PIPELINE_STATUS:
        item["status"] = pipeline.state
    if call.version >= PIPELINE_START_TIME:
        item["start_time"] = None if pipeline.started is None else milliseconds(pipeline.started)
    return item


def _step(step: Step) -> dict[str, Any]:
    return {
        "execution_duration": round(step.finished - step.started) if step.finished else 0,
        "finish_time": milliseconds(step.finished),
        "name": step.name,
        "name_key": step.key,
        "notification_level": "Info",
        "progress_text": list(step.text),
        "start_time": milliseconds(step.started),
        "state": step.state,
        "total_stages": None,
    }
