"""Searching issues. JQL knows `project`, `labels` and `key in`; everything else is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify

from demo.base import Refusal
from demo.jira.records import Issue
from demo.jira.site import Site, chosen, error_body

NO_SEARCH = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."


def search(site: Site) -> Response:
    body = site.body({"jql", "maxResults", "fields", "nextPageToken", "reconcileIssues", "expand"})
    reconcile = body.get("reconcileIssues", [])
    if not isinstance(reconcile, list) or len(reconcile) > 50:
        raise Refusal(400, error_body("reconcileIssues holds at most 50 ids."))
    issues = _matching(site, body, reconcile)
    start, size = _number(body, "nextPageToken", 0), _number(body, "maxResults", 50)
    wanted = body.get("fields", [])
    page = [
        site.view(issue, chosen(site.all_fields(issue), wanted) if wanted else None)
        for issue in issues[start:][:size]
    ]
    last = start + size >= len(issues)
    answer = {"issues": page, "isLast": last}
    return jsonify(answer if last else answer | {"nextPageToken": str(start + size)})


def search_by_page(site: Site) -> Response:
    body = site.body({"jql", "maxResults", "fields", "startAt", "validateQuery", "expand"})
    issues = _matching(site, body, [])
    start, size = _number(body, "startAt", 0), min(_number(body, "maxResults", 50), 1_000)
    wanted = body.get("fields", ["*all"])
    page = [found(site, issue, body, wanted) for issue in issues[start : start + size]]
    return jsonify(issues=page, startAt=start, maxResults=size, total=len(issues))


def found(site: Site, issue: Issue, body: Mapping[str, Any], wanted: list[str]) -> dict[str, Any]:
    """The issue in an answer about many."""
    view = site.view(issue, chosen(site.all_fields(issue), wanted))
    return view | ({"changelog": site.changelog(issue)} if "changelog" in body.get("expand", []) else {})


def search_removed(site: Site) -> Response:
    raise Refusal(410, {"errorMessages": [NO_SEARCH], "errors": {}})


def _matching(site: Site, body: Mapping[str, Any], reconcile: list[Any]) -> list[Issue]:
    """The issues that the search finds, newest first. A new issue is not in the index for `index_delay`."""
    query = body.get("jql")
    clauses = _clauses(query) if isinstance(query, str) else []
    if not clauses and not site.datacenter:
        raise Refusal(400, error_body(UNBOUNDED))
    for name, value in clauses:
        if name == "project" and value != site.project:
            raise Refusal(400, error_body(f"The value '{value}' does not exist for the field 'project'."))
    labels = {value for name, value in clauses if name == "labels"}
    keys = {key for name, value in clauses if name == "key" for key in value.split(",")}
    issues = list(reversed(site.issues.values()))
    known = {key for issue in issues for key in (issue.key, *issue.former_keys)}
    if body.get("validateQuery", True) and (unknown := sorted(keys - known)):
        texts = [f"An issue with key '{key}' does not exist for field 'key'." for key in unknown]
        raise Refusal(400, error_body(*texts))
    indexed = site.now() - site.index_delay
    return [
        issue
        for issue in issues
        if (not keys or keys & {issue.key, *issue.former_keys})
        and labels <= set(issue.fields.get("labels", []))
        and (issue.created <= indexed or issue.id in reconcile)
    ]


def _number(body: Mapping[str, Any], name: str, otherwise: int) -> int:
    try:
        return int(body.get(name, otherwise))
    except (TypeError, ValueError) as error:
        raise Refusal(400, error_body(f"{name} is not a number.")) from error


_KEYS = re.compile(r"\s*key\s+in\s*\(\s*(\w+-\d+(?:\s*,\s*\w+-\d+)*)\s*\)\s*", re.IGNORECASE)
_CLAUSE = re.compile(r'\s*(project|labels)\s*=\s*("(?:[^"\\]|\\.)*"|[\w-]+)\s*', re.IGNORECASE)
_ORDER = re.compile(r"\s*order\s+by\s+\w+(\s+(asc|desc))?\s*", re.IGNORECASE)


def _clauses(jql: str) -> list[tuple[str, str]]:
    """The clauses of a query such as `project = "SEC" AND labels = "x" ORDER BY created DESC`, as pairs.

    Raises Refusal (400) for any other query.
    """
    clauses: list[tuple[str, str]] = []
    at = 0
    while at < len(jql) and not _ORDER.fullmatch(jql, at):
        if clauses:
            joint = re.compile("and", re.IGNORECASE).match(jql, at)
            at = joint.end() if joint else -1
        if at >= 0 and (listed := _KEYS.match(jql, at)):
            clauses.append(("key", re.sub(r"\s", "", listed[1])))
            at = listed.end()
            continue
        clause = _CLAUSE.match(jql, at) if at >= 0 else None
        if not clause:
            raise Refusal(400, error_body(f"Error in the JQL Query: '{jql}' is not understood here."))
        value = clause[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        clauses.append((clause[1].lower(), value))
        at = clause.end()
    return clauses
