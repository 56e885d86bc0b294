"""Creating an issue: what may be set, and what is wrong with the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, jsonify, request

from demo.base import Refusal
from demo.jira.fields import ALWAYS, labels_error, names, summary_error, system_meta, text_error, user_error
from demo.jira.properties import read_properties
from demo.jira.records import Issue
from demo.jira.site import Site, error_body

NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


def list_issue_types(site: Site, project: str) -> Response:
    site.check_project(project)
    types = [{"id": id, "name": name, "subtask": False} for id, name in site.types.items()]
    return site.page(types, "issueTypes")


def list_fields(site: Site, project: str, kind: str) -> Response:
    site.check_project(project)
    if kind not in site.types:
        raise Refusal(404, error_body("The issue type selected is invalid."))
    values: dict[str, Sequence[str]] = {
        "priority": site.priorities,
        "components": site.components,
        "security": site.security_levels,
    }
    system_fields = [
        system_meta(
            name,
            required=name in ALWAYS or name in site.required,
            allowed=[{"id": str(i), "name": n} for i, n in enumerate(values[name], 1)]
            if name in values
            else None,
        )
        for name in site.screen
    ]
    return site.page([*system_fields, *(field.meta() for field in site.custom.values())], "fields")


def create_issue(site: Site) -> tuple[Response, int]:
    body = site.body({"fields", "properties", "update", "historyMetadata", "transition"})
    fields = body.get("fields")
    if not isinstance(fields, dict):
        raise Refusal(400, error_body("The 'fields' of the issue are missing."))
    if "CREATE_ISSUES" not in site.permissions:
        raise Refusal(400, error_body(pid="You do not have permission to create issues in this project."))
    if errors := _field_errors(site, fields):
        raise Refusal(400, error_body(**errors))
    properties = read_properties(body.get("properties", []))
    site.check_storable(body)
    site.numbers = number = site.numbers + 1
    key, now, first = f"{site.project}-{number}", site.now(), next(iter(site.statuses))
    site.issues[key] = Issue(10_000 + number, key, now, fields, first, properties=properties, changed=now)
    site.accept(body, key)
    link = f"{request.base_url}/{10_000 + number}"
    return jsonify({"id": str(10_000 + number), "key": key, "self": link}), 201


def _field_errors(site: Site, fields: Mapping[str, Any]) -> dict[str, str]:
    known = {*site.screen, *site.custom}
    errors = {name: NOT_ON_SCREEN.format(name) for name in fields if name not in known}
    checks = {
        "project": _project_error(site, fields),
        "issuetype": _type_error(site, fields),
        "summary": summary_error(fields.get("summary")),
    }
    if "priority" in fields and not names(fields, "priority", site.priorities):
        checks["priority"] = "The priority selected is invalid."
    if fields.get("description") is not None:
        checks["description"] = text_error(fields["description"], datacenter=site.datacenter)
    if "labels" in fields:
        checks["labels"] = labels_error(fields["labels"])
    if "components" in fields:
        checks["components"] = _components_error(site, fields["components"])
    if "security" in fields and not names(fields, "security", site.security_levels):
        checks["security"] = "The security level selected is invalid."
    if "assignee" in fields:
        checks["assignee"] = user_error(fields["assignee"], datacenter=site.datacenter, users=site.users)
    for id, field in site.custom.items():
        if fields.get(id) is not None:
            checks[id] = field.error(fields[id], datacenter=site.datacenter, users=site.users)
        elif field.required and not field.default:
            checks[id] = f"{field.name} is required."
    missing = {name: f"{name.capitalize()} is required." for name in site.required if not fields.get(name)}
    return missing | {name: why for name, why in checks.items() if why} | errors


def _project_error(site: Site, fields: Mapping[str, Any]) -> str:
    return "" if names(fields, "project", [site.project], "key") else "valid project is required"


def _type_error(site: Site, fields: Mapping[str, Any]) -> str:
    known = names(fields, "issuetype", site.types.values()) or names(fields, "issuetype", site.types, "id")
    return "" if known else "Specify a valid issue type"


def _components_error(site: Site, components: Any) -> str:
    if not isinstance(components, list):
        return "data was not an array"
    known = all(names({"component": value}, "component", site.components) for value in components)
    return "" if known else "Component name is not valid"
