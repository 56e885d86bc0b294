"""A check of Jira finds mistakes without creating an issue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from receiver.destinations.contract import Check
from tests.receiver.destinations.jira.answers import asked, cloud

INFO = json.dumps({"deploymentType": "Cloud", "version": "1001"})
ME = json.dumps({"displayName": "Hunt\u202e Bot", "accountId": "5b"})


def permissions(**held: bool) -> str:
    return json.dumps({"permissions": {name: {"havePermission": has} for name, has in held.items()}})


MAY = permissions(CREATE_ISSUES=True, ADD_COMMENTS=True)
TYPES = json.dumps({"issueTypes": [{"id": "1", "name": "Task"}, {"id": "2", "name": "Incident"}]})
FIELDS = json.dumps(
    {
        "fields": [
            {"fieldId": "labels", "name": "Labels"},
            {"fieldId": "priority", "name": "Priority", "allowedValues": []},
        ]
    }
)
SO_FAR = (INFO, ME, permissions(CREATE_ISSUES=True, ADD_COMMENTS=True, LINK_ISSUES=True))
CHECKS = [
    (
        (*SO_FAR, TYPES, FIELDS, json.dumps({"values": [{"name": "Duplicate"}]})),
        Check(
            True,
            "Jira Cloud: Hunt Bot may create Incident in project SEC; "
            "may not reopen an issue (TRANSITION_ISSUES); "
            "may not attach the alarms that a message has no room for (CREATE_ATTACHMENTS)",
        ),
    ),
    (
        (INFO, ME, permissions(CREATE_ISSUES=False, ADD_COMMENTS=True)),
        Check(False, "Jira Cloud knows Hunt Bot, who lacks the permission CREATE_ISSUES in project SEC"),
    ),
    (
        (INFO, ME, permissions(CREATE_ISSUES=True)),
        Check(False, "Jira Cloud knows Hunt Bot, who lacks the permission ADD_COMMENTS in project SEC"),
    ),
    (
        (*SO_FAR, json.dumps({"values": [{"name": "Task"}, {"name": "Bug"}]})),
        Check(False, "project SEC has no issue type Incident, but: Task, Bug"),
    ),
    (("{}",), Check(False, "what answers at this URL is not Jira: check the URL")),
]


@pytest.mark.parametrize(("answers", "expected"), CHECKS)
def test_check(peer: Any, reply: Any, answers: tuple[str, ...], expected: Check) -> None:
    peer.answers(*(reply(200, body) for body in answers))
    assert cloud(peer.origin, api="auto").check() == expected
    wanted = "CREATE_ISSUES%2CADD_COMMENTS%2CTRANSITION_ISSUES%2CLINK_ISSUES%2CCREATE_ATTACHMENTS"
    types = "/rest/api/3/issue/createmeta/SEC/issuetypes"
    assert (
        asked(peer)
        == [
            ("GET", "/rest/api/2/serverInfo"),
            ("GET", "/rest/api/3/myself"),
            ("GET", f"/rest/api/3/mypermissions?projectKey=SEC&permissions={wanted}"),
            ("GET", f"{types}?startAt=0&maxResults=200"),
            ("GET", f"{types}/2?startAt=0&maxResults=200"),
            ("GET", "/rest/api/3/resolution/search?startAt=0&maxResults=200"),
        ][: len(answers)]
    )


def test_check_of_a_refused_token_and_of_an_unreachable_jira(peer: Any, reply: Any, dead_port: int) -> None:
    peer.answers(reply(200, INFO), reply(401, "no"))
    check = cloud(peer.origin, api="auto").check()
    assert (check.ok, "has it expired?" in check.detail) == (False, True)
    check = cloud(f"http://127.0.0.1:{dead_port}", api="auto").check()
    assert not check.ok
    assert "no connection" in check.detail
