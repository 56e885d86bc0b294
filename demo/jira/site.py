"""What all calls of the simulated Jira share: settings, issues, authentication, reading bodies, errors."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any

from flask import Response, jsonify, request

from demo.base import Rate, Refusal, Simulation, parse, whole_seconds
from demo.jira.fields import Field
from demo.jira.records import STATUSES, TRANSITIONS, Change, Issue, Status, Transition

ISSUE_WRITES = ((20, 2), (100, 30))  # count, seconds: developer.atlassian.com, rate limiting
SCREEN = ("summary", "description", "priority", "labels", "project", "issuetype")
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
PERMISSIONS = (
    *("BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "EDIT_ISSUES", "TRANSITION_ISSUES"),
    *("LINK_ISSUES", "CREATE_ATTACHMENTS"),
)
RESOLUTIONS = ("Done", "Won't Do", "Duplicate", "Cannot Reproduce")
MOST_CHANGES = 40  # of one issue in an answer about many
NO_ISSUE = "Issue does not exist or you do not have permission to see it."
_CATEGORIES = {"new": 2, "indeterminate": 4, "done": 3}  # Jira's own ids


class Site(Simulation):
    """One Jira site with one project.

    `screen`: the system fields that may be set on creation; by default the usual fields, and those for which
    values are given. `required`: the fields of the screen that must be set. `custom`: custom fields; all are
    on the screen. `cloud_id`: the token has scopes, so the gateway accepts it and the site itself refuses it.
    `path`: the context path of a Data Center. `index_delay`: seconds until a search finds a new issue.
    `limits`: writes to one issue as (count, seconds); empty means no limit. `expires`: when the token
    expires. `three_bytes`: the database (MySQL with utf8mb3) cannot store a character beyond U+FFFF.
    """

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
        self.custom = {field.id: field for field in custom}
        valued = {"components": components, "security": security_levels, "assignee": users}
        usual = (*SCREEN, *(name for name, values in valued.items() if values))
        self.screen, self.required = tuple(usual if screen is None else screen), frozenset(required)
        self.statuses = {status.name: status for status in statuses}
        self.resolutions, self.max_comments = tuple(resolutions), max_comments
        self.transitions, self.link_types = tuple(transitions), frozenset(link_types)
        self.permissions, self.index_delay = frozenset(permissions), index_delay
        self.three_bytes = three_bytes
        self.issues: dict[str, Issue] = {}
        basic = b64encode(f"{email}:{token}".encode()).decode()
        self._authorization = f"Bearer {token}" if datacenter else f"Basic {basic}"
        self._limits = [Rate(count, seconds, now) for count, seconds in limits]
        self.numbers = self.comments_made = 0
        self.root = f"/ex/jira/{cloud_id}" if cloud_id else path
        self.public_url = "https://acme.atlassian.net" if cloud_id else ""
        self._add_routes()

    def _add_routes(self) -> None:
        raise NotImplementedError

    def close(self, key: str, resolution: str = "Done", *, status: str = "", by: str = "Grace") -> None:
        """A person closes an issue. Without `status` it gets the first status of category done. An empty
        `resolution` is set later, or never."""
        with self.lock:
            done = status or next(s.name for s in self.statuses.values() if s.category == "done")
            self.set_status(self.issues[key], done, resolution, by)

    def resolve(self, key: str, resolution: str, *, by: str = "Grace") -> None:
        """A person sets the resolution of an issue, or changes it."""
        with self.lock:
            self._set_resolution(self.issues[key], resolution, by)

    def reopen(self, key: str, *, by: str = "Grace") -> None:
        """A person opens a closed issue again."""
        with self.lock:
            self.set_status(self.issues[key], next(iter(self.statuses)), "", by)

    def move(self, key: str, to: str) -> None:
        """A person moves an issue to another project. Both keys find it from then on."""
        with self.lock:
            issue = self.issues.pop(key)
            issue.former_keys.add(key)
            issue.key = to
            self.issues[to] = issue

    def delete(self, key: str) -> None:
        """A person deletes an issue."""
        with self.lock:
            del self.issues[key]

    def status_of(self, key: str) -> str:
        """The category of the issue's status: new, indeterminate or done."""
        return self.statuses[self.issues[key].status].category

    def set_status(self, issue: Issue, name: str, resolution: str = "Done", by: str = "huntbridge") -> None:
        """`resolution`: of a status of category done; any other status clears it."""
        before, after = self.statuses[issue.status].category, self.statuses[name].category
        issue.changes.append(Change(self.now(), by, {"status": (issue.status, name)}))
        issue.status = name
        if before != after:
            issue.changed = self.now()
        self._set_resolution(issue, resolution if after == "done" else "", by)

    def _set_resolution(self, issue: Issue, name: str, by: str) -> None:
        if issue.resolution != name:
            issue.changes.append(Change(self.now(), by, {"resolution": (issue.resolution, name)}))
        issue.resolved = self.now() if name else None
        issue.resolution = name

    def shown(self) -> list[dict[str, Any]]:
        """The issues for the demo's page, oldest first."""
        with self.lock:
            return [
                {
                    "at": datetime.fromtimestamp(issue.created, UTC).isoformat(),
                    "key": issue.key,
                    "fields": issue.fields,
                    "comments": list(issue.comments),
                }
                for issue in self.issues.values()
            ]

    def authenticate(self) -> None:
        """Raises Refusal (401) for a wrong or expired token."""
        given = request.headers.get("Authorization", "")
        expired = self.expires is not None and self.now() >= self.expires
        if compare_digest(given.encode(), self._authorization.encode()) and not expired:
            return
        headers = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"} if given else {}
        if self.datacenter:
            raise Refusal(401, error_body("You do not have the permission to see this."), headers=headers)
        text = "Client must be authenticated to access this resource."
        raise Refusal(401, text, headers=headers)

    def check_project(self, project: str) -> None:
        """Raises Refusal (404) for a project that the caller cannot see."""
        if project != self.project or "BROWSE_PROJECTS" not in self.permissions:
            raise Refusal(404, error_body(f"No project could be found with key '{project}'."))

    def issue(self, key: str) -> Issue:
        """The issue with this key, former key or id. Raises Refusal (404)."""
        issue = self.issues.get(key) or next(
            (other for other in self.issues.values() if key == str(other.id) or key in other.former_keys),
            None,
        )
        if issue is None or "BROWSE_PROJECTS" not in self.permissions:
            raise Refusal(404, error_body(NO_ISSUE))
        return issue

    def view(self, issue: Issue, fields: Mapping[str, Any] | None) -> dict[str, Any]:
        """The issue in an answer; without `fields` only its id."""
        view: dict[str, Any] = {"id": str(issue.id)}
        if fields is not None:
            api = f"{self.root.lstrip('/')}/rest/api/{2 if self.datacenter else 3}".lstrip("/")
            link = f"{request.host_url}{api}/issue/{issue.id}"
            view |= {"key": issue.key, "self": link, "fields": dict(fields)}
        return view

    def all_fields(self, issue: Issue) -> dict[str, Any]:
        """The fields that were set, and those that Jira adds."""
        status = self.status_view(issue.status)
        fields = issue.fields | {
            "project": {"key": issue.key.rpartition("-")[0]},
            "status": status,
            "resolution": {"id": "1", "name": issue.resolution} if issue.resolution else None,
            "resolutiondate": None if issue.resolved is None else moment(issue.resolved),
            "created": moment(issue.created),
            "comment": {"comments": issue.comments},
            "attachment": [
                {"id": id, "filename": name.partition("/")[2], "size": len(content)}
                for id, (name, content) in enumerate(issue.attachments.items(), 10_000)
            ],
        }
        return fields if self.datacenter else fields | {"statuscategorychangedate": moment(issue.changed)}

    def changelog(self, issue: Issue) -> dict[str, Any]:
        """The last changes, newest first."""
        histories = [
            {
                "id": str(number),
                "author": {"displayName": change.by, "active": True}
                | ({"name": change.by} if self.datacenter else {"accountId": f"account-{change.by}"}),
                "created": moment(change.at),
                "items": [
                    {"field": name, "fieldtype": "jira", "fromString": before, "toString": after}
                    | ({} if self.datacenter else {"fieldId": name})
                    | ({"from": f"id of {before}"} if before else {})
                    | ({"to": f"id of {after}"} if after else {})
                    for name, (before, after) in change.fields.items()
                ],
            }
            for number, change in enumerate(issue.changes, 30_000)
        ][::-1][:MOST_CHANGES]
        return {"startAt": 0, "maxResults": len(histories), "total": len(histories), "histories": histories}

    def status_view(self, name: str) -> dict[str, Any]:
        category = self.statuses[name].category
        return {
            "id": str(1 + list(self.statuses).index(name)),
            "name": name,
            "statusCategory": {"id": _CATEGORIES[category], "key": category, "name": name},
        }

    def check_storable(self, body: Mapping[str, Any]) -> None:
        """Raises Refusal (500) for text that the database cannot store."""
        if self.three_bytes and max(json.dumps(body, ensure_ascii=False)) > "\uffff":
            raise Refusal(500, error_body("Internal server error"), why="Incorrect string value for column")

    def count_write(self, issue: Issue) -> None:
        """Count one write to this issue. Raises Refusal (429) if there were too many."""
        for rate in self._limits:
            if wait := rate.wait(issue.key):
                reset = datetime.fromtimestamp(self.now() + wait, UTC)
                headers = {
                    "Retry-After": whole_seconds(wait),
                    "X-RateLimit-Limit": str(rate.count),
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": f"{reset:%Y-%m-%dT%H:%MZ}",
                    "RateLimit-Reason": "jira-per-issue-on-write",
                }
                raise Refusal(429, error_body("Rate limit exceeded."), headers=headers)
        for rate in self._limits:
            rate.take(issue.key)

    def page(self, items: list[dict[str, Any]], name: str) -> Response:
        start = request.args.get("startAt", 0, int)
        size = min(request.args.get("maxResults", 50, int), 200)
        name = "values" if self.datacenter and name != "comments" else name
        page = {name: items[start : start + size], "startAt": start, "maxResults": size, "total": len(items)}
        return jsonify(page)

    def json(self) -> Any:
        """The JSON of the request. Raises Refusal."""
        if request.mimetype != "application/json":
            raise Refusal(415, error_body("Unsupported Media Type"))
        try:
            return parse(request.get_data())
        except ValueError as error:
            text = "There was an error parsing JSON. Check that your request body is valid."
            raise Refusal(400, error_body(text), why=str(error)) from error

    def body(self, known: set[str]) -> dict[str, Any]:
        """The JSON object of the request. Raises Refusal for any other body or an unknown key."""
        body = self.json()
        if not isinstance(body, dict) or body.keys() - known:
            raise Refusal(400, error_body("Invalid request payload. Refer to the REST API documentation."))
        return body


def error_body(*messages: str, **fields: str) -> dict[str, Any]:
    """An error in Jira's form: sentences, and a sentence for each wrong field."""
    return {"errorMessages": list(messages), "errors": fields}


def moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S.000+0000}"


def chosen(fields: Mapping[str, Any], wanted: Collection[str]) -> dict[str, Any]:
    every = "*all" in wanted or "*navigable" in wanted
    return {name: value for name, value in fields.items() if every or name in wanted}
