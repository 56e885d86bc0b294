"""Listing and making transitions."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from demo.base import Refusal
from demo.jira.records import Issue, Transition
from demo.jira.site import Site, error_body


def _open_transitions(site: Site, issue: Issue) -> list[Transition]:
    return [t for t in site.transitions if t.source in ("*", issue.status)]


def list_transitions(site: Site, key: str) -> Response:
    issue = site.issue(key)
    with_fields = "transitions.fields" in request.args.get("expand", "")
    views = []
    for transition in _open_transitions(site, issue):
        view: dict[str, Any] = {
            "id": transition.id,
            "name": transition.name,
            "to": site.status_view(transition.to),
            "isAvailable": True,
        }
        if with_fields:
            view["fields"] = {
                name: {
                    "key": name,
                    "name": name.capitalize(),
                    "operations": ["set"],
                    "required": True,
                    "hasDefaultValue": False,
                    "schema": {"type": "string"},
                }
                for name in transition.needs
                if not transition.hidden
            }
        views.append(view)
    return jsonify(expand="transitions", transitions=views)


def make_transition(site: Site, key: str) -> tuple[str, int]:
    issue = site.issue(key)
    if "TRANSITION_ISSUES" not in site.permissions:
        raise Refusal(403, error_body("You do not have the permission to transition this issue."))
    body = site.body({"transition", "fields", "update", "properties", "historyMetadata"})
    id = body["transition"].get("id") if isinstance(body.get("transition"), dict) else None
    chosen = next((t for t in _open_transitions(site, issue) if t.id == id), None)
    if chosen is None:
        raise Refusal(400, error_body(f"Transition id '{id}' is not valid for this issue."))
    given = body.get("fields") or {}
    if missing := [name for name in chosen.needs if not given.get(name)]:
        raise Refusal(400, error_body(**{name: f"{name.capitalize()} is required." for name in missing}))
    site.count_write(issue)
    issue.transitions.append(chosen.id)
    site.set_status(issue, chosen.to)
    return "", 204
