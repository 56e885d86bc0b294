"""Asks Jira for the issue types of a project, their fields, and the resolutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from receiver.destinations.jira.client import JiraApi
from receiver.destinations.jira.field_values import Fields
from receiver.destinations.jira.keys import ID
from receiver.destinations.stopped import Stopped
from shared.config.destinations.jira import JiraConfig

MAX_ALLOWED = 1_000  # the most allowed values that are kept for one field


def issue_types(api: JiraApi, project: str) -> dict[str, str]:
    """The id of each type of issue that may be created, by its name. Raises Stopped."""
    types = api.pages(f"issue/createmeta/{quote(project, safe='')}/issuetypes", "issueTypes", "values")
    return {str(type.get("name")): str(type.get("id")) for type in types}


def fields(api: JiraApi, project: str, type_id: str) -> Fields:
    """The fields on the screen that creates an issue of this type, by their ids. Raises Stopped."""
    path = f"issue/createmeta/{quote(project, safe='')}/issuetypes/{quote(type_id, safe='')}"
    return {
        str(field.get("fieldId") or field.get("key")): field for field in api.pages(path, "fields", "values")
    }


def configured_fields(api: JiraApi, config: JiraConfig) -> Fields:
    """The fields of the configured type that the configuration sets; none if this account may not read them.
    Raises Stopped if Jira cannot be asked now."""
    try:
        id = issue_types(api, config.project).get(config.issue_type, "")
        described = fields(api, config.project, id) if ID.fullmatch(id) else {}
        return {name: _kept(described[name]) for name in config.fields if name in described}
    except Stopped as stopped:
        if stopped.refused:
            return {}
        raise


def _kept(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a field's description that is needed later, small enough to be kept for an hour."""
    allowed = field.get("allowedValues")
    kept = {key: field[key] for key in ("name", "schema") if key in field}
    return kept | ({"allowedValues": allowed[:MAX_ALLOWED]} if isinstance(allowed, list) else {})


def resolutions(api: JiraApi) -> list[str]:
    """The names of all resolutions; none if this account may not read them. Raises Stopped if Jira cannot be
    asked now."""
    try:
        if api.cloud():
            return [str(resolution.get("name")) for resolution in api.pages("resolution/search", "values")]
        body = api.look("resolution").json()  # Data Center answers with a list, without pages
    except Stopped as stopped:
        if stopped.refused:
            return []
        raise
    except ValueError:
        return []
    names = (
        entry.get("name") for entry in (body if isinstance(body, list) else ()) if isinstance(entry, dict)
    )
    return [str(name) for name in names]
