"""A simulated Jira with one project: issues, comments, properties, transitions, links and attachments come
in, Jira's own answers go out.

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

from demo.chat import Rate, Refusal, Simulation, parse, whole_seconds
from demo.jira_fields import (
    ALWAYS,
    Field,
    labels_error,
    names,
    summary_error,
    system_meta,
    text_error,
    user_error,
)

MAX_PROPERTY = 32_768
MAX_ATTACHMENT = 10 * 1024 * 1024
ISSUE_WRITES = ((20, 2), (100, 30))  # count, seconds: developer.atlassian.com, rate limiting
SCREEN = ("summary", "description", "priority", "labels", "project", "issuetype")
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
PERMISSIONS = (
    *("BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "EDIT_ISSUES", "TRANSITION_ISSUES"),
    *("LINK_ISSUES", "CREATE_ATTACHMENTS"),
)

NOT_ON_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
NO_ISSUE = "Issue does not exist or you do not have permission to see it."
NO_SEARCH = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. "
    "A full migration guideline is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."


@dataclass(frozen=True)
class Status:
    """`category` is the key that no language changes: new, indeterminate or done."""

    name: str
    category: str


@dataclass(frozen=True)
class Transition:
    """`needs`: the fields without which it is refused; `hidden`: createmeta does not say so, since a
    validator asks for them."""

    id: str
    name: str
    source: str  # a status, or * for any
    to: str
    needs: tuple[str, ...] = ()
    hidden: bool = False


STATUSES = (Status("To Do", "new"), Status("In Progress", "indeterminate"), Status("Done", "done"))
TRANSITIONS = (
    Transition("11", "Start", "To Do", "In Progress"),
    Transition("21", "Close", "*", "Done"),
    Transition("31", "Reopen", "Done", "To Do"),
)
RESOLUTIONS = ("Done", "Won't Do", "Duplicate", "Cannot Reproduce")
_CATEGORIES = {"new": 2, "indeterminate": 4, "done": 3}  # Jira's own ids


@dataclass
class Issue:
    """One issue, as it is now."""

    id: int
    key: str
    created: float  # seconds since 1970
    fields: dict[str, Any]
    status: str
    comments: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    resolution: str = ""
    resolved: float | None = None
    changed: float = 0.0  # when the category of its status last changed
    transitions: list[str] = field(default_factory=list)  # the ids of those that were asked for, in order
    remote_links: dict[str, dict[str, Any]] = field(default_factory=dict)  # by globalId
    attachments: dict[str, bytes] = field(default_factory=dict)  # by number and file name
    links: set[tuple[str, str]] = field(default_factory=set)  # type, key of the other one
    former_keys: set[str] = field(default_factory=set)
    closed_to_comments: int = (
        0  # the status that a comment is refused with: archived, restricted, by a workflow
    )


class Jira(Simulation):
    """`screen`: the system fields that may be set on creation; by default the usual ones, and those for which
    there are values. `required`: those of them that must be. `custom`: custom fields, all on the screen.
    `cloud_id`: the token is a scoped one, which the gateway takes and the site itself refuses. `path`: the
    context path of a Data Center. `index_delay`: seconds until a search finds a new issue. `limits`: writes
    to one issue as (count, seconds); empty lets every one through. `expires`: when the token does.
    `three_bytes`: its database, MySQL with utf8mb3, cannot store a character beyond U+FFFF."""

    name = "jira"

    def __init__(
        self,
        *,
        datacenter: bool = False,
        project: str = "SEC",
        email: str = "hunt@acme.example",
        token: str = "demo-token",  # noqa: S107 - guards nothing
        expires: float | None = None,
        cloud_id: str = "",
        path: str = "",
        issue_types: Sequence[str] = ("Task", "Incident", "Bug"),
        priorities: Sequence[str] = PRIORITIES,
        components: Sequence[str] = (),
        security_levels: Sequence[str] = (),
        users: Collection[str] = (),
        custom: Sequence[Field] = (),
        screen: Sequence[str] | None = None,
        required: Collection[str] = (),
        statuses: Sequence[Status] = STATUSES,
        transitions: Sequence[Transition] = TRANSITIONS,
        resolutions: Sequence[str] = RESOLUTIONS,
        max_comments: int = 5_000,
        link_types: Collection[str] = ("Blocks", "Relates"),
        permissions: Collection[str] = PERMISSIONS,
        index_delay: float = 0,
        limits: Sequence[tuple[int, float]] = ISSUE_WRITES,
        three_bytes: bool = False,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(now=now, sleep=sleep)
        self.datacenter, self.project, self.expires = datacenter, project, expires
        self.types = {str(10_001 + index): name for index, name in enumerate(issue_types)}
        self.priorities, self.components = tuple(priorities), tuple(components)
        self.security_levels, self.users = tuple(security_levels), frozenset(users)
        self.custom = {one.id: one for one in custom}
        valued = {"components": components, "security": security_levels, "assignee": users}
        usual = (*SCREEN, *(name for name, values in valued.items() if values))
        self.screen, self.required = tuple(usual if screen is None else screen), frozenset(required)
        self.statuses = {one.name: one for one in statuses}
        self.resolutions, self.max_comments = tuple(resolutions), max_comments
        self.transitions, self.link_types = tuple(transitions), frozenset(link_types)
        self.permissions, self.index_delay = frozenset(permissions), index_delay
        self.three_bytes = three_bytes
        self.issues: dict[str, Issue] = {}
        basic = b64encode(f"{email}:{token}".encode()).decode()
        self._authorization = f"Bearer {token}" if datacenter else f"Basic {basic}"
        self._limits = [Rate(count, seconds, now) for count, seconds in limits]
        self._numbers = self._comments_made = 0
        self.root = f"/ex/jira/{cloud_id}" if cloud_id else path
        self.site = "https://acme.atlassian.net" if cloud_id else ""
        self._route()

    def _route(self) -> None:
        api = f"{self.root}/rest/api/{2 if self.datacenter else 3}"
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
            ("/issue/<key>/transitions", "GET", self._get_transitions),
            ("/issue/<key>/transitions", "POST", self._transition),
            ("/issue/<key>/remotelink", "POST", self._remote_link),
            ("/issue/<key>/attachments", "POST", self._attach),
            ("/issueLink", "POST", self._link),
            ("/resolution" if self.datacenter else "/resolution/search", "GET", self._resolutions),
            ("/issue/<key>/properties/<name>", "GET", self._get_property),
            ("/issue/<key>/properties/<name>", "PUT", self._put_property),
            ("/search" if self.datacenter else "/search/jql", "POST", search),
        ):
            self._rule(api + path, method, view)
        self.blueprint.add_url_rule(f"{self.root}/rest/api/2/serverInfo", view_func=self._server_info)
        if not self.datacenter:
            for version in "23":
                for method in ("GET", "POST"):
                    self._rule(f"{self.root}/rest/api/{version}/search", method, self._search_removed)
        if self.site:
            self.blueprint.add_url_rule(
                "/rest/api/<path:_>", "_site", self._site_refuses, methods=["GET", "POST", "PUT"]
            )

    def _rule(self, path: str, method: str, view: Callable[..., Any]) -> None:
        def authentic(**parts: str) -> Any:
            self._authenticate()
            with self._lock:
                return view(**parts)

        # A Blueprint wants one name for each view.
        name = re.sub(r"\W", "_", f"{method}{path}")
        self.blueprint.add_url_rule(path, name, authentic, methods=[method])

    # What people do

    def close(self, key: str, resolution: str = "Done", *, status: str = "") -> None:
        """Somebody closes an issue: in this status, else in the first that is done."""
        with self._lock:
            done = status or next(one.name for one in self.statuses.values() if one.category == "done")
            self._put_into(self.issues[key], done)
            self.issues[key].resolution = resolution

    def move(self, key: str, to: str) -> None:
        """Somebody moves an issue into another project: it is found by both keys from then on."""
        with self._lock:
            issue = self.issues.pop(key)
            issue.former_keys.add(key)
            issue.key = to
            self.issues[to] = issue

    def delete(self, key: str) -> None:
        with self._lock:
            del self.issues[key]

    def status_of(self, key: str) -> str:
        """The category of its status: new, indeterminate or done."""
        return self.statuses[self.issues[key].status].category

    def _put_into(self, issue: Issue, name: str) -> None:
        before, after = self.statuses[issue.status].category, self.statuses[name].category
        issue.status = name
        if before != after:
            issue.changed = self._now()
        issue.resolved = self._now() if after == "done" else None
        issue.resolution = "Done" if after == "done" else ""

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
        expired = self.expires is not None and self._now() >= self.expires
        if compare_digest(given.encode(), self._authorization.encode()) and not expired:
            return
        headers = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"} if given else {}
        if self.datacenter:
            raise Refusal(401, _errors("You do not have the permission to see this."), headers=headers)
        text = "Client must be authenticated to access this resource."
        raise Refusal(401, text, headers=headers)

    def _site_refuses(self, **_: str) -> None:
        text = "Client must be authenticated to access this resource."
        raise Refusal(401, text, headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})

    def _server_info(self) -> Response:
        version, kind = ("9.12.2", "Server") if self.datacenter else ("1001.0.0-SNAPSHOT", "Cloud")
        return jsonify(
            baseUrl=self.site or f"{request.host_url.rstrip('/')}{self.root}",
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
        values: dict[str, Sequence[str]] = {
            "priority": self.priorities,
            "components": self.components,
            "security": self.security_levels,
        }
        found = [
            system_meta(
                name,
                required=name in ALWAYS or name in self.required,
                allowed=[{"id": str(i), "name": n} for i, n in enumerate(values[name], 1)]
                if name in values
                else None,
            )
            for name in self.screen
        ]
        return self._page([*found, *(one.meta() for one in self.custom.values())], "fields")

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
        self._store(body)
        self._numbers = number = self._numbers + 1
        key, now, first = f"{self.project}-{number}", self._now(), next(iter(self.statuses))
        self.issues[key] = Issue(10_000 + number, key, now, fields, first, properties=properties, changed=now)
        self._accept(body, key)
        link = f"{request.base_url}/{10_000 + number}"
        return jsonify({"id": str(10_000 + number), "key": key, "self": link}), 201

    def _field_errors(self, fields: Mapping[str, Any]) -> dict[str, str]:
        known = {*self.screen, *self.custom}
        errors = {name: NOT_ON_SCREEN.format(name) for name in fields if name not in known}
        checks = {
            "project": self._project_error(fields),
            "issuetype": self._type_error(fields),
            "summary": summary_error(fields.get("summary")),
        }
        if "priority" in fields and not names(fields, "priority", self.priorities):
            checks["priority"] = "The priority selected is invalid."
        if fields.get("description") is not None:
            checks["description"] = text_error(fields["description"], datacenter=self.datacenter)
        if "labels" in fields:
            checks["labels"] = labels_error(fields["labels"])
        if "components" in fields:
            checks["components"] = self._components_error(fields["components"])
        if "security" in fields and not names(fields, "security", self.security_levels):
            checks["security"] = "The security level selected is invalid."
        if "assignee" in fields:
            checks["assignee"] = user_error(fields["assignee"], datacenter=self.datacenter, users=self.users)
        for id, one in self.custom.items():
            if fields.get(id) is not None:
                checks[id] = one.error(fields[id], datacenter=self.datacenter, users=self.users)
            elif one.required and not one.default:
                checks[id] = f"{one.name} is required."
        missing = {
            name: f"{name.capitalize()} is required." for name in self.required if not fields.get(name)
        }
        return missing | {name: why for name, why in checks.items() if why} | errors

    def _project_error(self, fields: Mapping[str, Any]) -> str:
        return "" if names(fields, "project", [self.project], "key") else "valid project is required"

    def _type_error(self, fields: Mapping[str, Any]) -> str:
        known = names(fields, "issuetype", self.types.values()) or names(
            fields, "issuetype", self.types, "id"
        )
        return "" if known else "Specify a valid issue type"

    def _components_error(self, components: Any) -> str:
        if not isinstance(components, list):
            return "data was not an array"
        known = all(names({"it": one}, "it", self.components) for one in components)
        return "" if known else "Component name is not valid"

    def _get(self, key: str) -> Response:
        issue = self._issue(key)
        wanted = request.args.get("fields", "*all").split(",")
        return jsonify(self._view(issue, _chosen(self._all_of(issue), wanted)))

    def _all_of(self, issue: Issue) -> dict[str, Any]:
        status = self._status_view(issue.status)
        found = issue.fields | {
            "project": {"key": issue.key.rpartition("-")[0]},
            "status": status,
            "resolution": {"id": "1", "name": issue.resolution} if issue.resolution else None,
            "resolutiondate": None if issue.resolved is None else _moment(issue.resolved),
            "created": _moment(issue.created),
            "comment": {"comments": issue.comments},
            "attachment": [
                {"id": id, "filename": name.partition("/")[2], "size": len(content)}
                for id, (name, content) in enumerate(issue.attachments.items(), 10_000)
            ],
        }
        return found if self.datacenter else found | {"statuscategorychangedate": _moment(issue.changed)}

    def _status_view(self, name: str) -> dict[str, Any]:
        category = self.statuses[name].category
        return {
            "id": str(1 + list(self.statuses).index(name)),
            "name": name,
            "statusCategory": {"id": _CATEGORIES[category], "key": category, "name": name},
        }

    # What becomes of an issue

    def _open_to(self, issue: Issue) -> list[Transition]:
        return [one for one in self.transitions if one.source in ("*", issue.status)]

    def _get_transitions(self, key: str) -> Response:
        issue = self._issue(key)
        with_fields = "transitions.fields" in request.args.get("expand", "")
        found = []
        for one in self._open_to(issue):
            view = {"id": one.id, "name": one.name, "to": self._status_view(one.to), "isAvailable": True}
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
                    for name in one.needs
                    if not one.hidden
                }
            found.append(view)
        return jsonify(expand="transitions", transitions=found)

    def _transition(self, key: str) -> tuple[str, int]:
        issue = self._issue(key)
        if "TRANSITION_ISSUES" not in self.permissions:
            raise Refusal(403, _errors("You do not have the permission to transition this issue."))
        body = self._body({"transition", "fields", "update", "properties", "historyMetadata"})
        id = body["transition"].get("id") if isinstance(body.get("transition"), dict) else None
        chosen = next((one for one in self._open_to(issue) if one.id == id), None)
        if chosen is None:
            raise Refusal(400, _errors(f"Transition id '{id}' is not valid for this issue."))
        given = body.get("fields") or {}
        if missing := [name for name in chosen.needs if not given.get(name)]:
            raise Refusal(400, _errors(**{name: f"{name.capitalize()} is required." for name in missing}))
        self._write(issue)
        issue.transitions.append(chosen.id)
        self._put_into(issue, chosen.to)
        return "", 204

    def _resolutions(self) -> Response:
        found = [{"id": str(10_000 + n), "name": name} for n, name in enumerate(self.resolutions)]
        return jsonify(found) if self.datacenter else self._page(found, "values")

    def _remote_link(self, key: str) -> tuple[Response, int]:
        issue = self._issue(key)
        if "LINK_ISSUES" not in self.permissions:
            raise Refusal(403, _errors("No Link Issue Permission for issue"))
        body = self._body({"globalId", "application", "relationship", "object"})
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
            raise Refusal(400, _errors(**errors))
        self._write(issue)
        new = not id or id not in issue.remote_links
        issue.remote_links[id or f"no id {len(issue.remote_links)}"] = body
        return jsonify({"id": 10_000, "self": f"{request.base_url}/10000"}), 201 if new else 200

    def _attach(self, key: str) -> Response:
        issue = self._issue(key)
        if request.headers.get("X-Atlassian-Token") not in ("no-check", "nocheck"):
            raise Refusal(403, "XSRF check failed")
        if "CREATE_ATTACHMENTS" not in self.permissions:
            raise Refusal(403, _errors("You do not have permission to create attachments for this issue."))
        files = request.files.getlist("file")
        if not files or any(not file.filename for file in files):
            raise Refusal(400, _errors("No file was uploaded."))
        read = [(str(file.filename), file.read()) for file in files]
        if any(len(content) > MAX_ATTACHMENT for _, content in read):
            raise Refusal(413, _errors("The attachment is larger than the allowed size."))
        self._write(issue)
        for name, content in read:
            issue.attachments[f"{len(issue.attachments)}/{name}"] = content
        return jsonify([{"id": "10000", "filename": name, "size": len(content)} for name, content in read])

    def _link(self) -> tuple[str, int]:
        body = self._body({"type", "inwardIssue", "outwardIssue", "comment"})
        if "LINK_ISSUES" not in self.permissions:
            raise Refusal(401, _errors("No Link Issue Permission for issue"))
        if not names(body, "type", self.link_types):
            name = body["type"].get("name") if isinstance(body.get("type"), dict) else None
            raise Refusal(404, _errors(f"No issue link type with name '{name}' found."))
        ends = [body.get("inwardIssue"), body.get("outwardIssue")]
        if not all(isinstance(end, dict) and isinstance(end.get("key"), str) for end in ends):
            raise Refusal(400, _errors("Both issues must be given."))
        first, second = (self._issue(end["key"]) for end in ends)
        self._write(first)
        first.links.add((body["type"]["name"], second.key))
        second.links.add((body["type"]["name"], first.key))
        return "", 201

    def _comment(self, key: str) -> tuple[Response, int]:
        issue = self._issue(key)
        if "ADD_COMMENTS" not in self.permissions:
            raise Refusal(403, _errors("You do not have the permission to comment on this issue."))
        body = self._body({"body", "visibility", "properties"})
        if body.get("body") in (None, ""):
            raise Refusal(400, _errors(comment="Comment body can not be empty!"))
        if issue.closed_to_comments:
            raise Refusal(issue.closed_to_comments, _errors("This issue cannot be commented on."))
        if len(issue.comments) >= self.max_comments:
            raise Refusal(413, _errors("The issue has reached the limit of comments."))
        if why := text_error(body["body"], datacenter=self.datacenter):
            raise Refusal(400, _errors(comment=why))
        self._store(body)
        self._write(issue)
        self._comments_made += 1
        id = str(20_000 + self._comments_made)
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

    def _store(self, body: Mapping[str, Any]) -> None:
        if self.three_bytes and max(json.dumps(body, ensure_ascii=False)) > "\uffff":
            raise Refusal(500, _errors("Internal server error"), why="Incorrect string value for column")

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
        found = self.issues.get(key) or next(
            (one for one in self.issues.values() if key == str(one.id) or key in one.former_keys), None
        )
        if found is None or "BROWSE_PROJECTS" not in self.permissions:
            raise Refusal(404, _errors(NO_ISSUE))
        return found

    def _view(self, issue: Issue, fields: Mapping[str, Any] | None) -> dict[str, Any]:
        seen: dict[str, Any] = {"id": str(issue.id)}
        if fields is not None:
            api = f"{self.root.lstrip('/')}/rest/api/{2 if self.datacenter else 3}".lstrip("/")
            link = f"{request.host_url}{api}/issue/{issue.id}"
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
        page = [
            self._view(i, _chosen(self._all_of(i), wanted) if wanted else None) for i in found[start:][:size]
        ]
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


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"


def _chosen(fields: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    every = "*all" in wanted or "*navigable" in wanted
    return {name: value for name, value in fields.items() if every or name in wanted}


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
