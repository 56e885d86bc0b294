"""API v2 of the simulated platform: bare objects, errors as `{"msg": …}`, times without a zone.

It has the calls that public clients of v2 use. All others answer 404. There is no list of evidence, since its
form is not public.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from werkzeug.exceptions import NotFound

from demo.platform.calls import ADMIN, ANALYST, LEAD, READER, ROLES, Call, Field, Refused, Route
from demo.platform.records import Import, Pipeline, Project
from demo.platform.world import NameTaken

PREFIX = "/api/v2"
NO_SUCH_URL = NotFound.description


@dataclass(frozen=True)
class Answer:
    data: Any
    status: int = 200

    def json(self) -> Any:
        return self.data


def list_projects(call: Call) -> Answer:
    return Answer([_project(p) for p in call.world.projects.values()])


def create_project(call: Call) -> Answer:
    body = call.body({"caseName": Field(str, required=True, longest=80), "description": Field(str)})
    try:
        project = call.world.open_project(body["caseName"], body.get("description", ""), call.now)
    except NameTaken:
        raise Refused(409, "Project name already exists") from None
    return Answer({"id": project.id, "msg": "Created"}, 201)


def get_project(call: Call, project_id: int) -> Answer:
    return Answer(_project(_known(call, project_id)))


def browse_ec2(call: Call, project_id: int) -> Answer:
    _known(call, project_id)
    region = call.text("region")
    instances = [
        {
            "_placement": f"{i.region}a",
            "_state": "running",
            "evidence_id": None,
            "id": i.instance_id,
            "instance_name": i.name,
            "instance_type": "t3.large",
            "ip_address": None,
            "launch_time": "Thu, 01 Jan 2026 00:00:00 GMT",
            "project_id": None,
            "region": {"name": i.region},
        }
        for i in call.world.fleet.values()
        if i.account == "Default" and region in (None, i.region)
    ]
    return Answer({"instances": instances})


def import_ec2(call: Call, project_id: int) -> Answer:
    project = _known(call, project_id)
    # Clients also send bucket and the include_* flags. They change nothing here.
    body = call.body({"instance_id": Field(str, required=True), "region": Field(str, required=True)})
    instance = call.instance(body["instance_id"], body["region"], "Default")
    (pipeline,) = call.world.acquire(project, Import(instance), call.user, call.now)
    return Answer(
        {
            "created": _iso(pipeline.created),
            "evidence_id": 0,
            "name": pipeline.name,
            "pipeline_id": pipeline.id,
            "pipeline_type": pipeline.type,
            "project_id": project.id,
            "subtasks": [{"id": _task_id(pipeline, n)} for n in range(len(pipeline.steps))],
            "user_id": pipeline.user.id,
        }
    )


def pipelines(call: Call) -> Answer:
    project, wanted = call.number("project_id"), call.number("pipeline_id")
    of_project = [p for p in call.world.pipelines.values() if project in (None, p.project_id)]
    if wanted is None:
        return Answer({"pipelines": [_pipeline(call, p) for p in reversed(of_project)]})
    pipeline = next((p for p in of_project if p.id == wanted), None)
    if pipeline is None:
        raise Refused(404, NO_SUCH_URL)
    return Answer(_pipeline(call, pipeline))


def system_status(call: Call) -> Answer:
    return Answer({"status": "Running"})


_READERS = (ADMIN, LEAD, ANALYST, READER)
ROUTES = (
    Route("GET", "/projects", list_projects, _READERS),
    Route("POST", "/projects", create_project, (ADMIN, LEAD)),
    Route("GET", "/projects/{project_id}", get_project, _READERS),
    Route("GET", "/projects/{project_id}/imports/ec2", browse_ec2, (ADMIN, LEAD, ANALYST)),
    Route("POST", "/projects/{project_id}/imports/ec2", import_ec2, (ADMIN, LEAD, ANALYST)),
    Route("GET", "/tasks/pipelines", pipelines, _READERS),
    Route("GET", "/system/status", system_status, ROLES),
)


def _known(call: Call, project_id: int) -> Project:
    project = call.world.projects.get(project_id)
    if project is None:
        raise Refused(404, NO_SUCH_URL)
    return project


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _task_id(pipeline: Pipeline, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{pipeline.id}/{number}"))


def _project(project: Project) -> dict[str, Any]:
    return {
        "caseName": project.name,
        "created": _iso(project.created),
        "deleted": False,
        "description": project.description,
        "id": project.id,
        "status": "Pending",
        "users": [
            {"display_name": "admin", "id": 1, "is_admin": True, "login_type": 0, "username": "admin"},
        ],
    }


def _pipeline(call: Call, pipeline: Pipeline) -> dict[str, Any]:
    states = [step.state for step in pipeline.steps]
    evidence = call.world.evidences.get(pipeline.evidence_id or 0)
    return {
        "can_be_terminated": not pipeline.ended,
        "created": _iso(pipeline.created),
        "evidence_id": pipeline.evidence_id or 0,
        "evidence_name": evidence.name if evidence else "",
        "name": pipeline.name,
        "pipeline_id": pipeline.id,
        "pipeline_type": pipeline.type,
        "project_id": pipeline.project_id,
        "project_name": call.world.projects[pipeline.project_id].name,
        "subtasks": [
            {
                "execution_duration": round(step.finished - step.started) if step.finished else 0,
                "finish_time": step.finished or None,
                "name": step.name,
                "name_key": step.key,
                "notification_level": "Info",
                "progress_text": list(step.text),
                "start_time": step.started or None,
                "state": step.state,
                "task_id": _task_id(pipeline, number),
                "total_stages": None,
            }
            for number, step in enumerate(pipeline.steps)
        ],
        "summary": {
            "total": len(states),
            **{
                word.lower(): states.count(word)
                for word in ("SUCCESS", "FAILURE", "PENDING", "CANCELLED", "RUNNING")
            },
        },
        "terminated": pipeline.ended,
        "user_id": pipeline.user.id,
        "user_name": pipeline.user.name,
    }
