"""Reading many issues by their keys at once, which only Jira Cloud can."""

from __future__ import annotations

from flask import Response, jsonify

from demo.base import Refusal
from demo.jira.search import found
from demo.jira.site import Site, error_body

MOST_ISSUES = 100
MOST_PROPERTIES = 5


def fetch_issues(site: Site) -> Response:
    """Issues that are gone, or that the caller may not see, are left out without a word."""
    body = site.body({"issueIdsOrKeys", "fields", "expand", "fieldsByKeys", "properties"})
    keys, wanted = body.get("issueIdsOrKeys"), body.get("fields", ["*navigable"])
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise Refusal(400, error_body("issueIdsOrKeys: at least one issue id or key is needed."))
    if len(keys) > MOST_ISSUES:
        raise Refusal(400, error_body(f"issueIdsOrKeys: at most {MOST_ISSUES} issues can be requested."))
    if not isinstance(wanted, list) or not isinstance(body.get("expand", []), list):
        raise Refusal(400, error_body("Invalid request payload. Refer to the REST API documentation."))
    if len(body.get("properties", [])) > MOST_PROPERTIES:
        raise Refusal(400, error_body(f"properties: at most {MOST_PROPERTIES} can be requested."))
    issues = {}
    for key in keys:
        try:
            issue = site.issue(key.upper())
        except Refusal:
            continue
        issues[issue.id] = found(site, issue, body, wanted)
    return jsonify(issues=[issues[id] for id in sorted(issues)], issueErrors=[])
