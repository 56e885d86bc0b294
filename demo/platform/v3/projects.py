"""API v3: projects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo.platform.calls import Call, Field, Refused, orders, sorted_by
from demo.platform.records import Project
from demo.platform.v3.answers import (
    LIST_ALARM_SUMMARY,
    MANUALLY_CREATED,
    PROJECT_IOC,
    SNAKE_CASE_NAME,
    Answer,
    milliseconds,
)
from demo.platform.world import NameTaken

PROJECT_STATES = (
    "Collection & Analysis", "Containment", "Eradication", "Recovery", "Post incident activity", "Closed",
    "Archived",
)  # fmt: skip


def list_projects(call: Call) -> Answer:
    wanted_ids, name = call.numbers("project_id"), call.text("name")
    states = call.texts("status", PROJECT_STATES)
    start, end = call.seconds("created_start_timestamp"), call.seconds("created_end_timestamp")
    keys = _project_keys(call)
    order = call.text("order_by", orders(keys)) or "-created"
    matching = [
        p
        for p in call.world.projects.values()
        if (not wanted_ids or p.id in wanted_ids)
        # A part of the name is enough. Whether the real platform wants all of it is not public.
        and (name is None or name.lower() in p.name.lower())
        and (not states or PROJECT_STATES[0] in states)
        and (start is None or p.created >= start)
        and (end is None or p.created <= end)
    ]
    part, page = call.page(sorted_by(matching, order, keys))
    with_alarms = call.flag("get_alarm_summary") or call.version < LIST_ALARM_SUMMARY
    return Answer([_project(call, p, alarms=with_alarms) for p in part], page)


def create_project(call: Call) -> Answer:
    field = "case_name" if call.version >= SNAKE_CASE_NAME else "caseName"
    body = call.body(
        {
            field: Field(str, required=True, longest=80),
            "description": Field(str),
            "users": Field(list),
            "groups": Field(list),
        }
    )
    try:
        project = call.world.open_project(body[field], body.get("description", ""), call.now)
    except NameTaken:
        raise Refused(409, "Project name already exists") from None
    return Answer({"message": "Project created", "id": project.id}, status=201)


def get_project(call: Call, project_id: int) -> Answer:
    project = known_project(call, project_id)
    item = _project(call, project, alarms=True)
    item["unique_sources"] = ["FILE"] if call.world.evidence_of(project.id) else []
    item["details"] |= {"users": [], "groups": [], "ioc": {"custom_data": _own_indicators(project)}}
    if call.version >= MANUALLY_CREATED:
        item["manually_created"] = True
    return Answer(item)


def update_project(call: Call, project_id: int) -> Answer:
    """Only its indicators can be changed here. Before 2.284 the field is not known, so it is ignored."""
    project = known_project(call, project_id)
    body = call.body({"ioc": Field(str)})
    if call.version >= PROJECT_IOC:
        project.ioc = body.get("ioc", project.ioc)
    return Answer({"project_id": project.id})


def _own_indicators(project: Project) -> dict[str, str]:
    return {"user_input": project.ioc} if project.ioc else {}


def known_project(call: Call, project_id: int | None) -> Project:
    project = call.world.projects.get(project_id or 0)
    if project is None:
        raise Refused(404, "Project not found")
    return project


def _project_keys(call: Call) -> dict[str, Callable[[Project], Any]]:
    return {
        "created": lambda p: p.id,
        "name": lambda p: p.name,
        "status": lambda p: PROJECT_STATES[0],
        "id": lambda p: p.id,
        "malicious": lambda p: call.world.counts(p.id)[0],
        "suspicious": lambda p: call.world.counts(p.id)[1],
        "evidences": lambda p: len(call.world.evidence_of(p.id)),
        "items_identified": lambda p: 0,
        "description": lambda p: p.description,
        "ai_summary": lambda p: 0,
        "last_acquisition": lambda p: p.last_acquisition or 0.0,
    }


def _project(call: Call, project: Project, *, alarms: bool) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": project.id,
        "created": milliseconds(project.created),
        "evidences": len(call.world.evidence_of(project.id)),
        "details": {
            "name": project.name,
            "description": project.description,
            "items_identified": 0,
            "status": PROJECT_STATES[0],
        },
        "ai_summary": None,
        "last_update": milliseconds(project.last_update),
        "scan_rule_count": 0,
    }
    if alarms:
        malicious, suspicious = call.world.counts(project.id)
        item["alarms"] = {"malicious": malicious, "suspicious": suspicious}
    if project.last_acquisition is not None:
        item["last_acquisition"] = milliseconds(project.last_acquisition)
    return item
