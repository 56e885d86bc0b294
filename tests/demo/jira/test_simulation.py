"""The simulated Jira: what it refuses, with the whole answer, and what it keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.jira.simulation import Jira
from tests.demo.asking import (
    API,
    BASIC,
    BEARER,
    PARAGRAPH,
    Clock,
    adf_document,
    ask,
    issue_fields,
    node,
    post,
    text_node,
)


def _create(jira: Jira, **more: Any) -> tuple[int, Any]:
    status, text = post(jira, f"{API}/issue", {"fields": issue_fields(**more)}, BASIC)
    return status, json.loads(text)


def test_jira_creates_shows_and_comments() -> None:
    jira = Jira()
    fields = issue_fields(
        description=adf_document(PARAGRAPH), priority={"name": "High"}, labels=["cado", "hunt-x"]
    )
    body = {"fields": fields, "properties": [{"key": "cado.alarm", "value": {"v": 1}}]}
    self = "http://localhost/rest/api/3/issue/10001"
    assert ask(jira, "POST", f"{API}/issue", body) == (201, {"id": "10001", "key": "SEC-1", "self": self})
    status, issue = ask(jira, "GET", f"{API}/issue/SEC-1")
    assert (status, issue["id"], issue["key"], issue["self"]) == (200, "10001", "SEC-1", self)
    assert {name: issue["fields"][name] for name in fields} == fields
    assert issue["fields"]["status"]["statusCategory"]["key"] == "new"
    assert ask(jira, "GET", f"{API}/issue/SEC-1?fields=comment")[1]["fields"] == {"comment": {"comments": []}}
    status, comment = ask(jira, "POST", f"{API}/issue/SEC-1/comment", {"body": adf_document(PARAGRAPH)})
    assert (status, comment["id"], comment["body"]) == (201, "20001", adf_document(PARAGRAPH))
    properties = f"{API}/issue/SEC-1/properties"
    assert ask(jira, "GET", f"{properties}/cado.alarm") == (200, {"key": "cado.alarm", "value": {"v": 1}})
    assert ask(jira, "PUT", f"{properties}/other", [1])[0] == 201
    assert ask(jira, "GET", f"{properties}/none")[0] == 404
    assert [(m.sequence, m.key) for m in jira.messages] == [(1, "SEC-1"), (2, "SEC-1")]
    (shown,) = jira.shown()
    assert (shown["key"], shown["fields"], len(shown["comments"])) == ("SEC-1", fields, 1)


NOT_ADF = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"project": {"key": "NOPE"}}, {"project": "valid project is required"}),
        ({"project": None}, {"project": "valid project is required"}),
        ({"issuetype": {"name": "Alarm"}}, {"issuetype": "Specify a valid issue type"}),
        ({"issuetype": {"id": "1"}}, {"issuetype": "Specify a valid issue type"}),
        ({"priority": {"name": "Huge"}}, {"priority": "The priority selected is invalid."}),
        ({"summary": None}, {"summary": "You must specify a summary of the issue."}),
        ({"summary": "x" * 256}, {"summary": "Summary must be less than 255 characters."}),
        ({"summary": "a\nb"}, {"summary": "The summary is invalid because it contains newline characters."}),
        ({"description": "text"}, {"description": NOT_ADF}),
        (
            {"description": adf_document(node("paragraph", text_node("x" * 32_767)))},
            {"description": TOO_LONG},
        ),
        (
            {"description": {"type": "doc"}},
            {"description": "INVALID_INPUT: the root is not a doc of version 1"},
        ),
        ({"labels": ["x y"]}, {"labels": "The label 'x y' contains spaces which is invalid."}),
        ({"labels": "x"}, {"labels": "data was not an array"}),
        ({"customfield_1": 1}, {"customfield_1": OFF_SCREEN.format("customfield_1")}),
        (
            {"components": [{"name": "IR"}], "summary": ""},
            {
                "summary": "You must specify a summary of the issue.",
                "components": OFF_SCREEN.format("components"),
            },
        ),
    ],
)
def test_jira_refuses_fields(fields: Any, errors: Any) -> None:
    jira = Jira()
    status, body = _create(jira, **fields)
    assert status == 400
    assert body == {"errorMessages": [], "errors": errors}
    assert jira.messages == []


def test_jira_refuses_a_field_that_is_not_on_the_screen() -> None:
    jira = Jira(screen=("project", "issuetype", "summary"))
    status, body = _create(jira, priority={"name": "High"}, labels=["a"])
    errors = {"priority": OFF_SCREEN.format("priority"), "labels": OFF_SCREEN.format("labels")}
    assert (status, body) == (400, {"errorMessages": [], "errors": errors})
    assert _create(jira)[0] == 201


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Bearer demo-token"])
def test_jira_refuses_a_wrong_token(authorization: str) -> None:
    jira = Jira()
    headers = {"Authorization": authorization} if authorization else {}
    answer = jira.app.test_client().get(f"{API}/myself", headers=headers)
    assert (answer.status_code, answer.text) == (401, "Client must be authenticated to access this resource.")
    assert answer.headers.get("X-Seraph-LoginReason") == ("AUTHENTICATED_FAILED" if authorization else None)


def test_jira_tells_what_a_check_asks() -> None:
    jira = Jira(permissions=("BROWSE_PROJECTS",))
    assert ask(jira, "GET", "/rest/api/2/serverInfo", headers={})[1]["deploymentType"] == "Cloud"
    assert ask(jira, "GET", f"{API}/myself")[1]["displayName"] == "huntbridge"
    held = "projectKey=SEC&permissions=BROWSE_PROJECTS,CREATE_ISSUES"
    assert ask(jira, "GET", f"{API}/mypermissions?{held}")[1] == {
        "permissions": {
            "BROWSE_PROJECTS": {"key": "BROWSE_PROJECTS", "havePermission": True},
            "CREATE_ISSUES": {"key": "CREATE_ISSUES", "havePermission": False},
        }
    }
    assert ask(jira, "GET", f"{API}/mypermissions")[0] == 400
    assert _create(jira)[0] == 400
    types = f"{API}/issue/createmeta/SEC/issuetypes"
    assert ask(jira, "GET", f"{types}?maxResults=1") == (
        200,
        {
            "issueTypes": [{"id": "10001", "name": "Task", "subtask": False}],
            "startAt": 0,
            "maxResults": 1,
            "total": 3,
        },
    )
    fields = ask(jira, "GET", f"{types}/10002")[1]["fields"]
    assert [f["key"] for f in fields if f["required"]] == ["summary", "project", "issuetype"]
    assert ask(jira, "GET", f"{API}/issue/createmeta/NOPE/issuetypes")[0] == 404
    assert ask(jira, "GET", f"{types}/1")[0] == 404


def _search(jira: Jira, jql: str, **more: Any) -> tuple[int, Any]:
    return ask(jira, "POST", f"{API}/search/jql", {"jql": jql} | more)


def test_jira_searches_by_label_and_is_late() -> None:
    clock = Clock()
    jira = Jira(index_delay=30, now=clock)
    for label in ("a", 'b"x', "a"):
        _create(jira, labels=[label])
    late = 'project = "SEC" AND labels = "a" ORDER BY created DESC'
    assert _search(jira, late) == (200, {"issues": [], "isLast": True})
    assert _search(jira, late, reconcileIssues=[10_001]) == (
        200,
        {"issues": [{"id": "10001"}], "isLast": True},
    )
    clock.time += 30
    page = {"issues": [{"id": "10003"}], "isLast": False, "nextPageToken": "1"}
    assert _search(jira, late, maxResults=1) == (200, page)
    assert _search(jira, 'labels = "b\\"x"', fields=["labels"])[1]["issues"][0]["key"] == "SEC-2"


@pytest.mark.parametrize(
    "jql", ["", "ORDER BY created", "summary ~ x", "labels = a OR labels = b", "project = X", "labels = a b"]
)
def test_jira_refuses_a_search(jql: str) -> None:
    assert _search(Jira(), jql)[0] == 400


def test_jira_has_no_old_search() -> None:
    jira = Jira()
    for method in ("GET", "POST"):
        status, body = ask(jira, method, "/rest/api/3/search", {} if method == "POST" else None)
        assert status == 410
        assert "CHANGE-2046" in body["errorMessages"][0]


def test_jira_limits_the_writes_to_one_issue() -> None:
    clock = Clock()
    jira = Jira(now=clock)
    _create(jira)
    _create(jira)
    body = {"body": adf_document(PARAGRAPH)}
    statuses = [ask(jira, "POST", f"{API}/issue/SEC-1/comment", body)[0] for _ in range(21)]
    assert statuses == [201] * 20 + [429]
    answer = jira.app.test_client().post(f"{API}/issue/SEC-1/comment", json=body, headers=BASIC)
    told = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "RateLimit-Reason")
    assert [answer.headers[name] for name in told] == ["2", "20", "0", "jira-per-issue-on-write"]
    assert answer.headers["X-RateLimit-Reset"] == "2025-11-24T16:00Z"
    assert ask(jira, "POST", f"{API}/issue/SEC-2/comment", body)[0] == 201
    clock.time += 2
    assert ask(jira, "POST", f"{API}/issue/SEC-1/comment", body)[0] == 201


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"{", "application/json", 400), (b"[]", "application/json", 400), (b"{}", "text/plain", 415)],
)
def test_jira_refuses_a_body(body: bytes, kind: str, status: int) -> None:
    assert post(Jira(), f"{API}/issue", body, BASIC | {"Content-Type": kind})[0] == status


def test_jira_of_the_data_center_speaks_version_2() -> None:
    jira = Jira(datacenter=True)
    api = "/rest/api/2"
    assert ask(jira, "GET", f"{api}/serverInfo", headers={})[1]["deploymentType"] == "Server"
    assert ask(jira, "GET", f"{api}/myself", headers=BASIC)[0] == 401
    fields = issue_fields(description="h2. text", labels=["a"])
    assert ask(jira, "POST", f"{api}/issue", {"fields": fields}, BEARER)[0] == 201
    document = {"fields": issue_fields(description=adf_document())}
    error = {"errorMessages": [], "errors": {"description": "Operation value must be a string"}}
    assert ask(jira, "POST", f"{api}/issue", document, BEARER) == (400, error)
    page = ask(jira, "POST", f"{api}/search", {"jql": "labels = a", "fields": ["labels"]}, BEARER)[1]
    assert (page["total"], page["issues"][0]["fields"]) == (1, {"labels": ["a"]})
    for path in ("/rest/api/2/search/jql", "/rest/api/3/issue"):
        assert ask(jira, "POST", path, {}, BEARER)[0] in (404, 405)
    types = ask(jira, "GET", f"{api}/issue/createmeta/SEC/issuetypes", headers=BEARER)[1]
    assert [t["name"] for t in types["values"]] == ["Task", "Incident", "Bug"]


def _bulk(jira: Jira, **body: Any) -> tuple[int, Any]:
    return ask(jira, "POST", f"{API}/issue/bulkfetch", body)


def test_jira_reads_up_to_a_hundred_issues_at_once() -> None:
    jira = Jira()
    for _ in range(3):
        _create(jira)
    jira.close("SEC-1", "Won't Do", by="Grace")
    jira.move("SEC-2", "OPS-7")
    keys = ["sec-3", "SEC-2", "SEC-1", "10001", "SEC-99"]
    status, answer = _bulk(jira, issueIdsOrKeys=keys, fields=["status", "resolution"], expand=["changelog"])
    assert (status, [issue["key"] for issue in answer["issues"]]) == (200, ["SEC-1", "OPS-7", "SEC-3"])
    first = answer["issues"][0]
    assert first["fields"].keys() == {"status", "resolution"}
    assert first["fields"]["resolution"]["name"] == "Won't Do"
    changed = [item["field"] for change in first["changelog"]["histories"] for item in change["items"]]
    assert changed == ["resolution", "status"]
    assert first["changelog"]["histories"][0]["author"]["displayName"] == "Grace"
    assert "changelog" not in _bulk(jira, issueIdsOrKeys=["SEC-1"])[1]["issues"][0]
    blind = Jira(permissions=())
    assert _bulk(blind, issueIdsOrKeys=["SEC-1"]) == (200, {"issues": [], "issueErrors": []})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"issueIdsOrKeys": []},
        {"issueIdsOrKeys": "SEC-1"},
        {"issueIdsOrKeys": [1]},
        {"issueIdsOrKeys": [f"SEC-{n}" for n in range(101)]},
        {"issueIdsOrKeys": ["SEC-1"], "fields": "status"},
        {"issueIdsOrKeys": ["SEC-1"], "expand": "changelog"},
        {"issueIdsOrKeys": ["SEC-1"], "properties": ["a"] * 6},
        {"issueIdsOrKeys": ["SEC-1"], "jql": "x"},
    ],
)
def test_jira_refuses_to_read_many_issues(body: dict[str, Any]) -> None:
    assert _bulk(Jira(), **body)[0] == 400


def test_jira_of_the_data_center_searches_by_keys() -> None:
    jira, api = Jira(datacenter=True), "/rest/api/2"
    for _ in range(2):
        ask(jira, "POST", f"{api}/issue", {"fields": issue_fields(description="x")}, BEARER)
    jira.move("SEC-1", "OPS-7")

    def search(jql: str, **more: Any) -> tuple[int, Any]:
        return ask(jira, "POST", f"{api}/search", {"jql": jql, "fields": ["status"]} | more, BEARER)

    status, page = search("key in (SEC-1, SEC-2)")
    assert (status, [issue["key"] for issue in page["issues"]]) == (200, ["OPS-7", "SEC-2"])
    text = "An issue with key 'SEC-9' does not exist for field 'key'."
    assert search("key in (SEC-2, SEC-9)") == (400, {"errorMessages": [text], "errors": {}})
    status, page = search("key in (SEC-2, SEC-9)", validateQuery=False)
    assert (status, page["total"]) == (200, 1)
    assert ask(jira, "POST", f"{api}/issue/bulkfetch", {"issueIdsOrKeys": ["SEC-2"]}, BEARER)[0] in (404, 405)
