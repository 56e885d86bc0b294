"""Remote links, attachments, and links between issues."""

from __future__ import annotations

import re
from typing import Any

from flask import Response, jsonify, request

from demo.base import Refusal
from demo.jira.fields import names
from demo.jira.records import Issue
from demo.jira.site import Site, error_body

MAX_ATTACHMENT = 10 * 1024 * 1024


def add_remote_link(site: Site, key: str) -> tuple[Response, int]:
    issue = site.issue(key)
    if "LINK_ISSUES" not in site.permissions:
        raise Refusal(403, error_body("No Link Issue Permission for issue"))
    body = site.body({"globalId", "application", "relationship", "object"})
    shown = body.get("object")
    shown = shown if isinstance(shown, dict) else {}
    errors = {n: f"'{n}' is required." for n in ("title", "url") if not str(shown.get(n) or "").strip()}
    if not errors and not re.match(r"https?://[^/]", str(shown["url"])):
        errors = {"url": "URL is invalid."}
    id = body.get("globalId", "")
    if not isinstance(id, str) or len(id) > 255:
        errors["globalId"] = "'globalId' must be shorter than 255 characters."
    if len(str(shown.get("title", ""))) > 255:
        errors["title"] = "'title' must be shorter than 255 characters."
    if errors:
        raise Refusal(400, error_body(**errors))
    site.count_write(issue)
    new = not id or id not in issue.remote_links
    issue.remote_links[id or f"no id {len(issue.remote_links)}"] = body
    return jsonify({"id": 10_000, "self": f"{request.base_url}/10000"}), 201 if new else 200


def attach_files(site: Site, key: str) -> Response:
    issue = site.issue(key)
    if request.headers.get("X-Atlassian-Token") not in ("no-check", "nocheck"):
        raise Refusal(403, "XSRF check failed")
    if "CREATE_ATTACHMENTS" not in site.permissions:
        raise Refusal(403, error_body("You do not have permission to create attachments for this issue."))
    files = request.files.getlist("file")
    if not files or any(not file.filename for file in files):
        raise Refusal(400, error_body("No file was uploaded."))
    read = [(str(file.filename), file.read()) for file in files]
    if any(len(content) > MAX_ATTACHMENT for _, content in read):
        raise Refusal(413, error_body("The attachment is larger than the allowed size."))
    site.count_write(issue)
    for name, content in read:
        issue.attachments[f"{len(issue.attachments)}/{name}"] = content
    return jsonify([{"id": "10000", "filename": name, "size": len(content)} for name, content in read])


def link_issues(site: Site) -> tuple[str, int]:
    body = site.body({"type", "inwardIssue", "outwardIssue", "comment"})
    if "LINK_ISSUES" not in site.permissions:
        raise Refusal(401, error_body("No Link Issue Permission for issue"))
    if not names(body, "type", site.link_types):
        name = body["type"].get("name") if isinstance(body.get("type"), dict) else None
        raise Refusal(404, error_body(f"No issue link type with name '{name}' found."))
    first, second = _end(site, body.get("inwardIssue")), _end(site, body.get("outwardIssue"))
    site.count_write(first)
    first.links.add((body["type"]["name"], second.key))
    second.links.add((body["type"]["name"], first.key))
    return "", 201


def _end(site: Site, given: Any) -> Issue:
    if not isinstance(given, dict) or not isinstance(given.get("key"), str):
        raise Refusal(400, error_body("Both issues must be given."))
    return site.issue(given["key"])
