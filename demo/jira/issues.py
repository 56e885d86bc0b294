"""Reading an issue, its comments and its properties; adding a comment; setting a property."""

from __future__ import annotations

from flask import Response, jsonify, request

from demo.base import Refusal
from demo.jira.fields import text_error
from demo.jira.properties import read_properties
from demo.jira.site import Site, chosen, error_body


def get_issue(site: Site, key: str) -> Response:
    issue = site.issue(key)
    wanted = request.args.get("fields", "*all").split(",")
    return jsonify(site.view(issue, chosen(site.all_fields(issue), wanted)))


def get_property(site: Site, key: str, name: str) -> Response:
    issue = site.issue(key)
    if name not in issue.properties:
        raise Refusal(404, error_body(f"The property with key '{name}' does not exist."))
    return jsonify(key=name, value=issue.properties[name])


def put_property(site: Site, key: str, name: str) -> tuple[str, int]:
    issue = site.issue(key)
    properties = read_properties([{"key": name, "value": site.json()}])
    site.count_write(issue)
    new = name not in issue.properties
    issue.properties |= properties
    return "", 201 if new else 200


def add_comment(site: Site, key: str) -> tuple[Response, int]:
    issue = site.issue(key)
    if "ADD_COMMENTS" not in site.permissions:
        raise Refusal(403, error_body("You do not have the permission to comment on this issue."))
    body = site.body({"body", "visibility", "properties"})
    if body.get("body") in (None, ""):
        raise Refusal(400, error_body(comment="Comment body can not be empty!"))
    if issue.closed_to_comments:
        raise Refusal(issue.closed_to_comments, error_body("This issue cannot be commented on."))
    if len(issue.comments) >= site.max_comments:
        raise Refusal(413, error_body("The issue has reached the limit of comments."))
    if why := text_error(body["body"], datacenter=site.datacenter):
        raise Refusal(400, error_body(comment=why))
    site.check_storable(body)
    site.count_write(issue)
    site.comments_made += 1
    id = str(20_000 + site.comments_made)
    issue.comments.append({"id": id, "created": site.current_time().isoformat(), "body": body["body"]})
    site.accept(body, key)
    return jsonify(issue.comments[-1] | {"self": f"{request.base_url}/{id}"}), 201


def list_comments(site: Site, key: str) -> Response:
    comments = list(site.issue(key).comments)
    if request.args.get("orderBy") == "-created":
        comments.reverse()
    return site.page(comments, "comments")
