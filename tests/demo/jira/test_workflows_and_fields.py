"""The simulated Jira refuses what the real one refuses, and its answers are those that Jira describes."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

import pytest

from demo.jira.fields import Field
from demo.jira.records import Status, Transition
from demo.jira.simulation import Jira
from tests.receiver.destinations.jira.site import CLOUD_ID, SPECIFICATION, Asked, violations

BASIC = {"Authorization": f"Basic {b64encode(b'hunt@acme.example:demo-token').decode()}"}
BEARER = {"Authorization": "Bearer demo-token"}
API = "/rest/api/3"
DOCUMENT = {"type": "doc", "version": 1, "content": []}
TEAM = Field("customfield_1", "Team", "option", custom="select", required=True, allowed=("Red", "Blue"))


class Clock:
    time = 1_764_000_000.0

    def __call__(self) -> float:
        return self.time


def ask(jira: Jira, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
    """Status and JSON of the answer. What Jira does not describe of it fails the test."""
    headers = more.pop("headers", BEARER if jira.datacenter else BASIC)
    answer = jira.app.test_client().open(path, method=method, json=body, headers=headers, **more)
    if SPECIFICATION.exists() and not jira.datacenter and answer.status_code < 300 and not more:
        route, _, query = path.partition("?")
        parts = [part.partition("=") for part in query.split("&") if part]
        pairs = tuple((name, value) for name, _, value in parts)
        data = None if body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        asked = Asked(method, route, pairs, kind, data, answer.status_code, answer.data)
        assert list(violations([asked])) == []
    return answer.status_code, answer.get_json(silent=True)


def create(jira: Jira, **more: Any) -> tuple[int, Any]:
    fields = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}, "summary": "s"} | more
    api = API if not jira.datacenter else "/rest/api/2"
    return ask(jira, "POST", f"{jira.root}{api}/issue", {"fields": fields})


def refused(**errors: str) -> tuple[int, Any]:
    return 400, {"errorMessages": [], "errors": errors}


def said(message: str, status: int = 400) -> tuple[int, Any]:
    return status, {"errorMessages": [message], "errors": {}}


@pytest.mark.parametrize("datacenter", [False, True])
def test_a_database_of_three_bytes_a_character_fails_at_four(datacenter: bool) -> None:
    jira = Jira(datacenter=datacenter, three_bytes=True, limits=())
    assert create(jira, summary="Flag \U0001f3f4")[0] == 500
    assert jira.issues == {}
    assert create(jira, summary="Flag \uffff")[0] == 201


@pytest.mark.parametrize("status", [400, 403])
def test_an_issue_that_is_closed_to_comments_is_still_seen(status: int) -> None:
    jira = Jira()
    create(jira)
    jira.issues["SEC-1"].closed_to_comments = status
    assert ask(jira, "POST", f"{API}/issue/SEC-1/comment", {"body": DOCUMENT}) == said(
        "This issue cannot be commented on.", status
    )
    assert ask(jira, "GET", f"{API}/issue/SEC-1")[0] == 200


# Transitions

GERMAN = (Status("Offen", "new"), Status("Erledigt", "done"))
WAYS = (
    Transition("5", "Schliessen", "Offen", "Erledigt"),
    Transition("6", "Zurueck", "Erledigt", "Offen", needs=("comment",)),
)


def test_an_issue_goes_the_ways_of_its_workflow_and_no_other() -> None:
    clock = Clock()
    jira = Jira(now=clock, statuses=GERMAN, transitions=WAYS)
    create(jira)
    ways = f"{API}/issue/SEC-1/transitions"
    (way,) = ask(jira, "GET", f"{ways}?expand=transitions.fields")[1]["transitions"]
    assert (way["id"], way["name"], way["fields"]) == ("5", "Schliessen", {})
    assert way["to"]["statusCategory"]["key"] == "done"
    assert ask(jira, "POST", ways, {"transition": {"id": "6"}}) == said(
        "Transition id '6' is not valid for this issue."
    )
    clock.time += 60
    assert ask(jira, "POST", ways, {"transition": {"id": "5"}}) == (204, None)
    wanted = "status,resolution,resolutiondate,statuscategorychangedate"
    fields = ask(jira, "GET", f"{API}/issue/SEC-1?fields={wanted}")[1]["fields"]
    assert fields == {
        "status": {
            "id": "2",
            "name": "Erledigt",
            "statusCategory": {"id": 3, "key": "done", "name": "Erledigt"},
        },
        "resolution": {"id": "1", "name": "Done"},
        "resolutiondate": "2025-11-24T16:01:00.000+0000",
        "statuscategorychangedate": "2025-11-24T16:01:00.000+0000",
    }
    (way,) = ask(jira, "GET", f"{ways}?expand=transitions.fields")[1]["transitions"]
    assert way["fields"]["comment"]["required"] is True
    assert "fields" not in ask(jira, "GET", ways)[1]["transitions"][0]
    assert ask(jira, "POST", ways, {"transition": {"id": "6"}}) == refused(comment="Comment is required.")
    assert ask(jira, "POST", ways, {"transition": {"id": "6"}, "fields": {"comment": "x"}})[0] == 204
    assert jira.status_of("SEC-1") == "new"
    assert ask(jira, "GET", f"{API}/issue/SEC-1?fields=resolution")[1]["fields"] == {"resolution": None}


def test_people_close_move_and_delete() -> None:
    jira = Jira()
    create(jira)
    jira.close("SEC-1", "Won't Do")
    assert (jira.status_of("SEC-1"), jira.issues["SEC-1"].resolution) == ("done", "Won't Do")
    jira.move("SEC-1", "OPS-7")
    for key in ("SEC-1", "OPS-7", "10001"):
        assert ask(jira, "GET", f"{API}/issue/{key}?fields=project")[1]["key"] == "OPS-7"
    create(jira)
    assert list(jira.issues) == ["OPS-7", "SEC-2"]
    jira.delete("OPS-7")
    assert ask(jira, "GET", f"{API}/issue/SEC-1")[0] == 404


# Links and files

PAGE = {"url": "https://cado.example/1", "title": "Open"}


def test_a_remote_link_is_one_for_each_global_id() -> None:
    jira = Jira()
    create(jira)
    path = f"{API}/issue/SEC-1/remotelink"
    for status, body in (
        (201, {"globalId": "a", "object": PAGE}),
        (200, {"globalId": "a", "object": PAGE | {"title": "Other"}}),
        (201, {"globalId": "b", "object": PAGE, "application": {"name": "huntbridge"}}),
        (201, {"object": PAGE}),
    ):
        assert ask(jira, "POST", path, body)[0] == status
    links = jira.issues["SEC-1"].remote_links
    assert (len(links), links["a"]["object"]["title"]) == (3, "Other")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, refused(title="'title' is required.", url="'url' is required.")),
        ({"object": {"url": "https://x.example/"}}, refused(title="'title' is required.")),
        ({"object": PAGE | {"url": "javascript:x"}}, refused(url="URL is invalid.")),
        (
            {"object": PAGE | {"title": "x" * 256}},
            refused(title="'title' must be shorter than 255 characters."),
        ),
        (
            {"object": PAGE, "globalId": "x" * 256},
            refused(globalId="'globalId' must be shorter than 255 characters."),
        ),
        ({"object": PAGE, "link": 1}, said("Invalid request payload. Refer to the REST API documentation.")),
    ],
)
def test_a_remote_link_that_is_none(body: Any, expected: Any) -> None:
    jira = Jira()
    create(jira)
    assert ask(jira, "POST", f"{API}/issue/SEC-1/remotelink", body) == expected


def test_issues_are_linked_by_a_type_that_there_is() -> None:
    jira = Jira()
    create(jira)
    create(jira)
    ends = {"inwardIssue": {"key": "SEC-2"}, "outwardIssue": {"key": "SEC-1"}}
    for _ in range(2):
        assert ask(jira, "POST", f"{API}/issueLink", ends | {"type": {"name": "Relates"}}) == (201, None)
    assert [issue.links for issue in jira.issues.values()] == [{("Relates", "SEC-2")}, {("Relates", "SEC-1")}]
    wrong = ask(jira, "POST", f"{API}/issueLink", ends | {"type": {"name": "Is like"}})
    assert wrong == said("No issue link type with name 'Is like' found.", 404)
    body = {"type": {"name": "Relates"}, "inwardIssue": {"key": "SEC-2"}, "outwardIssue": {"key": "SEC-9"}}
    assert ask(jira, "POST", f"{API}/issueLink", body)[0] == 404


def upload(jira: Jira, name: str = "file", content: bytes = b"x", **headers: str) -> tuple[int, Any]:
    data = {name: (io.BytesIO(content), "a.csv")}
    return ask(jira, "POST", f"{API}/issue/SEC-1/attachments", data=data, headers=BASIC | headers)


def test_a_file_is_taken_with_the_header_that_says_that_it_is_not_forged() -> None:
    jira = Jira()
    create(jira)
    assert upload(jira)[0] == 403
    token: dict[str, Any] = {"X-Atlassian-Token": "no-check"}
    assert upload(jira, **token)[1] == [{"id": "10000", "filename": "a.csv", "size": 1}]
    assert upload(jira, "upload", **token) == said("No file was uploaded.")
    assert upload(jira, content=b"x" * (10 * 1024 * 1024 + 1), **token)[0] == 413
    assert jira.issues["SEC-1"].attachments == {"0/a.csv": b"x"}


@pytest.mark.parametrize(
    ("lacking", "path", "body", "status"),
    [
        ("TRANSITION_ISSUES", "issue/SEC-1/transitions", {"transition": {"id": "21"}}, 403),
        ("LINK_ISSUES", "issue/SEC-1/remotelink", {"object": PAGE}, 403),
        ("ADD_COMMENTS", "issue/SEC-1/comment", {"body": DOCUMENT}, 403),
    ],
)
def test_a_permission_that_the_account_lacks(lacking: str, path: str, body: Any, status: int) -> None:
    held = {"BROWSE_PROJECTS", "CREATE_ISSUES", "ADD_COMMENTS", "TRANSITION_ISSUES", "LINK_ISSUES"}
    for permissions, expected in ((held - {lacking}, True), (held, False)):
        jira = Jira(permissions=permissions)
        create(jira)
        assert (ask(jira, "POST", f"{API}/{path}", body)[0] == status) is expected


# Fields


@pytest.mark.parametrize("datacenter", [False, True])
def test_a_project_wants_what_it_says_that_it_wants(datacenter: bool) -> None:
    jira = Jira(
        datacenter=datacenter,
        custom=(TEAM,),
        components=("IR",),
        security_levels=("SOC",),
        users=("jdoe",),
        required=("components",),
    )
    api = "/rest/api/2" if datacenter else API
    path = f"{api}/issue/createmeta/SEC/issuetypes/10001"
    page = ask(jira, "GET", f"{path}?startAt=0&maxResults=200")[1]
    fields = {field["fieldId"]: field for field in page["values" if datacenter else "fields"]}
    assert {id for id, field in fields.items() if field["required"]} == {
        *("project", "issuetype", "summary", "components", "customfield_1")
    }
    assert [option["value"] for option in fields["customfield_1"]["allowedValues"]] == ["Red", "Blue"]
    assert [option["name"] for option in fields["security"]["allowedValues"]] == ["SOC"]
    assert create(jira) == refused(components="Components is required.", customfield_1="Team is required.")
    right = {"components": [{"name": "IR"}], "customfield_1": {"value": "Red"}, "security": {"name": "SOC"}}
    user = {"assignee": {"name": "jdoe"} if datacenter else {"accountId": "jdoe"}}
    assert create(jira, **right, **user)[0] == 201
    for wrong in (
        {"components": [{"name": "Web"}]},
        {"customfield_1": {"value": "red"}},
        {"customfield_1": "Red"},
        {"security": {"name": "All"}},
        {"assignee": {"name": "who"} if datacenter else {"accountId": "who"}},
        {"assignee": {"accountId": "jdoe"} if datacenter else {"name": "jdoe"}},
        {"customfield_2": "x"},
    ):
        status, body = create(jira, **right | wrong)
        assert (status, list(body["errors"])) == (400, list(wrong))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field("customfield_1", "N", "number"), "5"),
        (Field("customfield_1", "N", "number"), True),
        (Field("customfield_1", "D", "date"), "24.11.2026"),
        (Field("customfield_1", "D", "date"), "2026-02-30"),
        (Field("customfield_1", "T", "datetime"), "2026-11-24T12:00:00Z"),
        (Field("customfield_1", "L"), "x" * 256),
        (Field("customfield_1", "L"), {"value": "x"}),
        (Field("customfield_1", "P", custom="textarea"), "text"),
        (Field("customfield_1", "A", "array", "string", "labels"), "a"),
        (Field("customfield_1", "A", "array", "string", "labels"), ["a b"]),
        (
            Field("customfield_1", "C", "option-with-child", allowed=("A>B",)),
            {"value": "A", "child": {"value": "X"}},
        ),
    ],
)
def test_a_value_of_the_wrong_kind(field: Field, value: Any) -> None:
    jira = Jira(custom=(field,))
    status, body = create(jira, customfield_1=value)
    assert (status, list(body["errors"])) == (400, ["customfield_1"])


# Where it is reached


def test_a_scoped_token_is_good_at_the_gateway_alone() -> None:
    jira = Jira(cloud_id=CLOUD_ID)
    assert ask(jira, "GET", f"/ex/jira/{CLOUD_ID}{API}/myself")[0] == 200
    assert ask(jira, "GET", f"{API}/myself")[0] == 401
    info = jira.app.test_client().get(f"/ex/jira/{CLOUD_ID}/rest/api/2/serverInfo").get_json()
    assert (info["deploymentType"], info["baseUrl"]) == ("Cloud", "https://acme.atlassian.net")


def test_a_context_path_belongs_to_every_address() -> None:
    jira = Jira(datacenter=True, path="/jira")
    assert create(jira)[0] == 201
    status, issue = ask(jira, "GET", "/jira/rest/api/2/issue/SEC-1")
    assert (status, issue["self"]) == (200, "http://localhost/jira/rest/api/2/issue/10001")
    assert ask(jira, "GET", "/rest/api/2/issue/SEC-1")[0] == 404


def test_a_token_expires() -> None:
    clock = Clock()
    jira = Jira(now=clock, expires=clock.time + 60)
    assert ask(jira, "GET", f"{API}/myself")[0] == 200
    clock.time += 60
    assert ask(jira, "GET", f"{API}/myself")[0] == 401
