"""A simulated Jira with one project: issues, comments and properties come in, Jira's own answers go out.

`datacenter=False` is Jira Cloud (REST v3, Basic e-mail and token, Atlassian Documents); `datacenter=True` is
Jira Data Center (REST v2, a personal access token, wiki text). A request that is not authentic is refused,
also where the real one would let an anonymous caller look. Search knows `project` and `labels`.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any

from flask import Response, jsonify, request

from demo.adf import adf_error
from demo.chat import Rate, Refusal, Simulation, parse, whole_seconds

MAX_SUMMARY = 255
MAX_TEXT = 32_767  # of a document the serialized form is counted, which is the stricter reading
MAX_LABEL = 255
MAX_PROPERTY = 32_768
ISSUE_WRITES = ((20, 2), (100, 30))  # count, seconds: developer.atlassian.com, rate limiting
SCREEN = ("summary", "description", "priority", "labels", "project", "issuetype")
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
PERMISSIONS = ("BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "EDIT_ISSUES", "TRANSITION_ISSUES")

NOT_ADF = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
NO_ISSUE = "Issue does not exist or you do not have permission to see it."
NO_SEARCH = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."


@dataclass
class Issue:
    """One issue, as it is now."""

    id: int
    key: str
    created: float  # seconds since 1970
    fields: dict[str, Any]
    comments: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)


class Jira(Simulation):
    """`screen`: the fields that may be set on creation. `index_delay`: seconds until a search finds a new
    issue. `limits`: writes to one issue as (count, seconds); empty lets every one through."""

    name = "jira"

    def __init__(
        self,
        *,
        datacenter: bool = False,
        project: str = "SEC",
        email: str = "hunt@acme.example",
        token: str = "demo-token",  # noqa: S107 - guards nothing
        issue_types: Sequence[str] = ("Task", "Incident", "Bug"),
        priorities: Sequence[str] = PRIORITIES,
        components: Sequence[str] = (),
        screen: Sequence[str] = SCREEN,
        permissions: Collection[str] = PERMISSIONS,
        index_delay: float = 0,
        limits: Sequence[tuple[int, float]] = ISSUE_WRITES,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(now=now, sleep=sleep)
        self.datacenter, self.project, self.screen = datacenter, project, tuple(screen)
        self.types = {str(10_001 + index): name for index, name in enumerate(issue_types)}
        self.priorities, self.components = tuple(priorities), tuple(components)
        self.permissions, self.index_delay = frozenset(permissions), index_delay
        self.issues: dict[str, Issue] = {}
        basic = b64encode(f"{email}:{token}".encode()).decode()
        self._authorization = f"Bearer {token}" if datacenter else f"Basic {basic}"
        self._limits = [Rate(count, seconds, now) for count, seconds in limits]
        self._route()

    def _route(self) -> None:
        api = "/rest/api/2" if self.datacenter else "/rest/api/3"
        search = self._search_pages if self.datacenter else self._search
        for path, method, view in (
            ("/myself", "GET", self._myself),
            ("/mypermissions", "GET", self._mypermissions),
            ("/issue/createmeta/<project>/issuetypes", "GET", self._issue_types),
            ("/issue/createmeta/<project>/issuetypes/<kind>", "GET", self._fields),
            ("/issue", "POST", self._create),
            ("/issue/<key>", "GET", self._get),
            ("/issue/<key>/comment", "POST", self._comment),
            ("/issue/<key>/comment", "GET", self._comments),
            ("/issue/<key>/properties/<name>", "GET", self._get_property),
            ("/issue/<key>/properties/<name>", "PUT", self._put_property),
            ("/search" if self.datacenter else "/search/jql", "POST", search),
        ):
            self._rule(api + path, method, view)
        self.blueprint.add_url_rule("/rest/api/2/serverInfo", view_func=self._server_info)
        if not self.datacenter:
            for version in "23":
                for method in ("GET", "POST"):
                    self._rule(f"/rest/api/{version}/search", method, self._search_removed)

    def _rule(self, path: str, method: str, view: Callable[..., Any]) -> None:
        def authentic(**parts: str) -> Any:
            self._authenticate()
            with self._lock:
                return view(**parts)

        # A Blueprint wants one name for each view.
        name = re.sub(r"\W", "_", f"{method}{path}")
        self.blueprint.add_url_rule(path, name, authentic, methods=[method])

    def shown(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {
                    "at": datetime.fromtimestamp(issue.created, UTC).isoformat(),
                    "key": issue.key,
                    "fields": issue.fields,
                    "comments": list(issue.comments),
                }
                for issue in self.issues.values()
            ]

    # Who asks

    def _authenticate(self) -> None:
        given = request.headers.get("Authorization", "")
        if compare_digest(given.encode(), self._authorization.encode()):
            return
        headers = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"} if given else {}
        if self.datacenter:
            raise Refusal(401, _errors("You do not have the permission to see this."), headers=headers)
        text = "Client must be authenticated to access this resource."
        raise Refusal(401, text, headers=headers)

    def _server_info(self) -> Response:
        version, kind = ("9.12.2", "Server") if self.datacenter else ("1001.0.0-SNAPSHOT", "Cloud")
        return jsonify(
            baseUrl=request.host_url.rstrip("/"),
            version=version,
            versionNumbers=[int(part) for part in version.split("-")[0].split(".")],
            deploymentType=kind,
            serverTitle="Jira",
        )

    def _myself(self) -> Response:
        who = {"name": "hunt", "key": "JIRAUSER10100"} if self.datacenter else {"accountId": "5b10a2844c20"}
        return jsonify({"self": request.base_url, "displayName": "huntbridge", "active": True} | who)

    def _mypermissions(self) -> Response:
        if project := request.args.get("projectKey"):
            self._known_project(project)
        asked = request.args.get("permissions", "")
        if not asked and not self.datacenter:
            raise Refusal(400, _errors("The 'permissions' query parameter is required."))
        names = asked.split(",") if asked else list(PERMISSIONS)
        if unknown := [name for name in names if name not in PERMISSIONS]:
            raise Refusal(400, _errors(f"Unrecognized permission keys: {', '.join(unknown)}"))
        held = {name: {"key": name, "havePermission": name in self.permissions} for name in names}
        return jsonify(permissions=held)

    # What may be created

    def _known_project(self, project: str) -> None:
        if project != self.project or "BROWSE_PROJECTS" not in self.permissions:
            raise Refusal(404, _errors(f"No project could be found with key '{project}'."))

    def _issue_types(self, project: str) -> Response:
        self._known_project(project)
        found = [{"id": id, "name": name, "subtask": False} for id, name in self.types.items()]
        return self._page(found, "issueTypes")

    def _fields(self, project: str, kind: str) -> Response:
        self._known_project(project)
        if kind not in self.types:
            raise Refusal(404, _errors("The issue type selected is invalid."))
        required = {"project", "issuetype", "summary"}
        found: list[dict[str, Any]] = [
            {"fieldId": name, "key": name, "name": name.capitalize(), "required": name in required}
            for name in self.screen
        ]
        for one in found:
            if one["key"] == "priority":
                one["allowedValues"] = [{"id": str(i), "name": n} for i, n in enumerate(self.priorities, 1)]
        return self._page(found, "fields")

    def _page(self, found: list[dict[str, Any]], name: str) -> Response:
        start = request.args.get("startAt", 0, int)
        size = min(request.args.get("maxResults", 50, int), 200)
        name = "values" if self.datacenter and name != "comments" else name
        page = {name: found[start : start + size], "startAt": start, "maxResults": size, "total": len(found)}
        return jsonify(page)

    # Issues

    def _create(self) -> tuple[Response, int]:
        body = self._body({"fields", "properties", "update", "historyMetadata", "transition"})
        fields = body.get("fields")
        if not isinstance(fields, dict):
            raise Refusal(400, _errors("The 'fields' of the issue are missing."))
        if "CREATE_ISSUES" not in self.permissions:
            raise Refusal(400, _errors(pid="You do not have permission to create issues in this project."))
        if errors := self._field_errors(fields):
            raise Refusal(400, _errors(**errors))
        properties = _properties(body.get("properties", []))
        number = len(self.issues) + 1
        key = f"{self.project}-{number}"
        self.issues[key] = Issue(10_000 + number, key, self._now(), fields, properties=properties)
        self._accept(body, key)
        link = f"{request.base_url}/{10_000 + number}"
        return jsonify({"id": str(10_000 + number), "key": key, "self": link}), 201

    def _field_errors(self, fields: Mapping[str, Any]) -> dict[str, str]:
        errors = {name: NOT_ON_SCREEN.format(name) for name in fields if name not in self.screen}
        checks = {
            "project": self._project_error(fields),
            "issuetype": self._type_error(fields),
            "summary": _summary_error(fields.get("summary")),
        }
        if "priority" in fields and not _names(fields, "priority", self.priorities):
            checks["priority"] = "The priority selected is invalid."
        if fields.get("description") is not None:
            checks["description"] = self._text_error(fields["description"])
        if "labels" in fields:
            checks["labels"] = _labels_error(fields["labels"])
        if "components" in fields:
            checks["components"] = self._components_error(fields["components"])
        return {name: why for name, why in checks.items() if why} | errors

    def _project_error(self, fields: Mapping[str, Any]) -> str:
        return "" if _names(fields, "project", [self.project], "key") else "valid project is required"

    def _type_error(self, fields: Mapping[str, Any]) -> str:
        known = _names(fields, "issuetype", self.types.values()) or _names(
            fields, "issuetype", self.types, "id"
        )
        return "" if known else "Specify a valid issue type"

    def _components_error(self, components: Any) -> str:
        if not isinstance(components, list):
            return "data was not an array"
        known = all(_names({"it": one}, "it", self.components) for one in components)
        return "" if known else "Component name is not valid"

    def _text_error(self, text: Any) -> str:
        """What is wrong with a description or a comment; Cloud wants a document, Data Center a string."""
        if self.datacenter:
            if not isinstance(text, str):
                return "Operation value must be a string"
            return TOO_LONG if len(text) > MAX_TEXT else ""
        if not isinstance(text, dict):
            return NOT_ADF
        if len(json.dumps(text, ensure_ascii=False)) > MAX_TEXT:
            return TOO_LONG
        return f"INVALID_INPUT: {why}" if (why := adf_error(text)) else ""

    def _get(self, key: str) -> Response:
        issue = self._issue(key)
        return jsonify(self._view(issue, issue.fields | {"comment": {"comments": issue.comments}}))

    def _comment(self, key: str) -> tuple[Response, int]:
        issue = self._issue(key)
        if "ADD_COMMENTS" not in self.permissions:
            raise Refusal(403, _errors("You do not have the permission to comment on this issue."))
        body = self._body({"body", "visibility", "properties"})
        if body.get("body") in (None, ""):
            raise Refusal(400, _errors(comment="Comment body can not be empty!"))
        if why := self._text_error(body["body"]):
            raise Refusal(400, _errors(comment=why))
        self._write(issue)
        id = str(20_001 + sum(len(one.comments) for one in self.issues.values()))
        issue.comments.append({"id": id, "created": self._at().isoformat(), "body": body["body"]})
        self._accept(body, key)
        return jsonify(issue.comments[-1] | {"self": f"{request.base_url}/{id}"}), 201

    def _comments(self, key: str) -> Response:
        comments = list(self._issue(key).comments)
        if request.args.get("orderBy") == "-created":
            comments.reverse()
        return self._page(comments, "comments")

    def _get_property(self, key: str, name: str) -> Response:
        issue = self._issue(key)
        if name not in issue.properties:
            raise Refusal(404, _errors(f"The property with key '{name}' does not exist."))
        return jsonify(key=name, value=issue.properties[name])

    def _put_property(self, key: str, name: str) -> tuple[str, int]:
        issue = self._issue(key)
        found = _properties([{"key": name, "value": self._json()}])
        self._write(issue)
        new = name not in issue.properties
        issue.properties |= found
        return "", 201 if new else 200

    def _write(self, issue: Issue) -> None:
        """Count one write to this issue. Raises the 429 that says so where they were too many."""
        for rate in self._limits:
            if wait := rate.wait(issue.key):
                reset = datetime.fromtimestamp(self._now() + wait, UTC)
                headers = {
                    "Retry-After": whole_seconds(wait),
                    "X-RateLimit-Limit": str(rate.count),
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%MZ}",
                    "RateLimit-Reason": "jira-per-issue-on-write",
                }
                raise Refusal(429, _errors("Rate limit exceeded."), headers=headers)
        for rate in self._limits:
            rate.take(issue.key)

    def _issue(self, key: str) -> Issue:
        for issue in self.issues.values():
            if key in (issue.key, str(issue.id)) and "BROWSE_PROJECTS" in self.permissions:
                return issue
        raise Refusal(404, _errors(NO_ISSUE))

    def _view(self, issue: Issue, fields: Mapping[str, Any] | None) -> dict[str, Any]:
        seen: dict[str, Any] = {"id": str(issue.id)}
        if fields is not None:
            link = f"{request.host_url}rest/api/{2 if self.datacenter else 3}/issue/{issue.id}"
            seen |= {"key": issue.key, "self": link, "fields": dict(fields)}
        return seen

    # Search

    def _search(self) -> Response:
        body = self._body({"jql", "maxResults", "fields", "nextPageToken", "reconcileIssues", "expand"})
        reconcile = body.get("reconcileIssues", [])
        if not isinstance(reconcile, list) or len(reconcile) > 50:
            raise Refusal(400, _errors("reconcileIssues holds at most 50 ids."))
        found = self._found(body, reconcile)
        start, size = _number(body, "nextPageToken", 0), _number(body, "maxResults", 50)
        wanted = body.get("fields", [])
        page = [self._view(i, _chosen(i.fields, wanted) if wanted else None) for i in found[start:][:size]]
        last = start + size >= len(found)
        answer = {"issues": page, "isLast": last}
        return jsonify(answer if last else answer | {"nextPageToken": str(start + size)})

    def _search_pages(self) -> Response:
        body = self._body({"jql", "maxResults", "fields", "startAt", "validateQuery", "expand"})
        found = self._found(body, [])
        start, size = _number(body, "startAt", 0), min(_number(body, "maxResults", 50), 1_000)
        wanted = body.get("fields", ["*all"])
        page = [self._view(issue, _chosen(issue.fields, wanted)) for issue in found[start : start + size]]
        return jsonify(issues=page, startAt=start, maxResults=size, total=len(found))

    def _search_removed(self) -> Response:
        raise Refusal(410, {"errorMessages": [NO_SEARCH], "errors": {}})

    def _found(self, body: Mapping[str, Any], reconcile: list[Any]) -> list[Issue]:
        """The issues that a search sees, newest first: a new one is not in the index yet."""
        query = body.get("jql")
        clauses = _clauses(query) if isinstance(query, str) else []
        if not clauses and not self.datacenter:
            raise Refusal(400, _errors(UNBOUNDED))
        for name, value in clauses:
            if name == "project" and value != self.project:
                raise Refusal(400, _errors(f"The value '{value}' does not exist for the field 'project'."))
        labels = {value for name, value in clauses if name == "labels"}
        indexed = self._now() - self.index_delay
        return [
            issue
            for issue in reversed(self.issues.values())
            if labels <= set(issue.fields.get("labels", []))
            and (issue.created <= indexed or issue.id in reconcile)
        ]

    # What came in

    def _json(self) -> Any:
        if request.mimetype != "application/json":
            raise Refusal(415, _errors("Unsupported Media Type"))
        try:
            return parse(request.get_data())
        except ValueError as error:
            text = "There was an error parsing JSON. Check that your request body is valid."
            raise Refusal(400, _errors(text), why=str(error)) from error

    def _body(self, known: set[str]) -> dict[str, Any]:
        body = self._json()
        if not isinstance(body, dict) or body.keys() - known:
            raise Refusal(400, _errors("Invalid request payload. Refer to the REST API documentation."))
        return body


def _errors(*messages: str, **fields: str) -> dict[str, Any]:
    return {"errorMessages": list(messages), "errors": fields}


def _number(body: Mapping[str, Any], name: str, otherwise: int) -> int:
    try:
        return int(body.get(name, otherwise))
    except (TypeError, ValueError) as error:
        raise Refusal(400, _errors(f"{name} is not a number.")) from error


def _names(fields: Mapping[str, Any], name: str, known: Collection[str], by: str = "name") -> bool:
    """Whether this field is an object whose `name` (or `key`, or `id`) Jira knows."""
    value = fields.get(name)
    return isinstance(value, dict) and isinstance(value.get(by), str) and value[by] in known


def _chosen(fields: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    every = "*all" in wanted or "*navigable" in wanted
    return {name: value for name, value in fields.items() if every or name in wanted}


def _summary_error(summary: Any) -> str:
    if not isinstance(summary, str) or not summary.strip():
        return "You must specify a summary of the issue."
    if len(summary) > MAX_SUMMARY:
        return "Summary must be less than 255 characters."
    if "\n" in summary or "\r" in summary:
        return "The summary is invalid because it contains newline characters."
    return ""


def _labels_error(labels: Any) -> str:
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        return "data was not an array"
    for label in labels:
        if re.search(r"\s", label):
            return f"The label '{label}' contains spaces which is invalid."
        if not 1 <= len(label) <= MAX_LABEL:
            return f"The label '{label}' exceeds the maximum length for a single label of 255 characters."
    return ""


def _properties(given: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, dict) or not isinstance(one.get("key"), str) or "value" not in one:
            raise Refusal(400, _errors("An entity property needs a key and a value."))
        if not 1 <= len(one["key"]) <= 255:
            raise Refusal(400, _errors("The length of the property's key must be 1 to 255 characters."))
        if len(json.dumps(one["value"])) > MAX_PROPERTY:
            raise Refusal(400, _errors(f"The property's value is longer than {MAX_PROPERTY} characters."))
        found[one["key"]] = one["value"]
    return found


_CLAUSE = re.compile(r'\s*(project|labels)\s*=\s*("(?:[^"\\]|\\.)*"|[\w-]+)\s*', re.IGNORECASE)
_ORDER = re.compile(r"\s*order\s+by\s+\w+(\s+(asc|desc))?\s*", re.IGNORECASE)


def _clauses(jql: str) -> list[tuple[str, str]]:
    """`project = "SEC" AND labels = "x" ORDER BY created DESC` as pairs; anything else is a 400."""
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(jql) and not _ORDER.fullmatch(jql, at):
        if found:
            joint = re.compile("and", re.IGNORECASE).match(jql, at)
            at = joint.end() if joint else -1
        clause = _CLAUSE.match(jql, at) if at >= 0 else None
        if not clause:
            raise Refusal(400, _errors(f"Error in the JQL Query: '{jql}' is not understood here."))
        value = clause[2]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        found.append((clause[1].lower(), value))
        at = clause.end()
    return found
