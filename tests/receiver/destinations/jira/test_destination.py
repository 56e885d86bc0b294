"""Which requests a delivery sends for which answers of Jira, and its outcome."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from receiver.destinations.contract import NEW_CASE, CaseRef, Delivered, Rejected, Retry
from receiver.destinations.jira import adf
from receiver.destinations.jira.issues import case_label
from receiver.messages.compose import compose
from shared.models.event_kinds import ACKNOWLEDGED, UNACKNOWLEDGED
from tests.receiver.destinations.jira.answers import CREATED, LOOK, OPEN, asked, cloud, collection, datacenter


def test_a_new_case_is_an_issue_in_the_cloud(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(201, CREATED))
    message = compose(alarms["rich"])
    assert cloud(peer.origin).deliver(message, NEW_CASE) == Delivered(ref="SEC-7")
    assert asked(peer) == [("POST", "/rest/api/3/issue"), ("POST", "/rest/api/3/issue/SEC-7/remotelink")]
    assert peer.requests[1].json == {
        "globalId": "huntbridge=8b56c2b2dad1d826579e61926fdfb286",
        "application": {"type": "huntbridge", "name": "huntbridge"},
        "relationship": "found by",
        "object": {"url": "https://cado.example/projects/12?evidence=31", "title": "Open in the platform"},
    }
    assert peer.requests[0].headers["Authorization"] == "Basic aHVudEBhY21lLmV4YW1wbGU6dDBrZW4="
    assert peer.requests[0].json == {
        "fields": {
            "project": {"key": "SEC"},
            "issuetype": {"name": "Incident"},
            "summary": "7 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)",
            "description": adf.document(message),
            "labels": [
                "huntbridge",
                "malicious",
                "processing_with_alarms",
                "weekly-crown-jewels",
                "i-0123456789abcdef0",
                case_label(message.case_key),
            ],
            "priority": {"name": "Highest"},
        },
        "properties": [{"key": "huntbridge.event", "value": {"id": "7f3c9a52"}}],
    }


def test_a_new_case_is_an_issue_in_the_data_center(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(201, CREATED))
    assert datacenter(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE) == Delivered(ref="SEC-7")
    assert asked(peer) == [
        ("POST", "/jira/rest/api/2/issue"),
        ("POST", "/jira/rest/api/2/issue/SEC-7/remotelink"),
    ]
    assert peer.requests[0].headers["Authorization"] == "Bearer t0ken"
    assert (
        peer.requests[0].json["fields"]["description"].startswith("{panel:bgColor=#FFEBE6}\n▲ *Malicious.*")
    )


def test_another_alarm_of_the_case_is_an_internal_comment(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    peer.answers(reply(200, OPEN), reply(201, json.dumps({"id": "1"})))
    message = compose(alarms["rich"])
    assert cloud(peer.origin).deliver(message, CaseRef("SEC-3")) == Delivered(ref="SEC-3")
    assert asked(peer) == [("GET", LOOK), ("POST", "/rest/api/3/issue/SEC-3/comment")]
    assert peer.requests[1].json == {
        "body": adf.document(message, titled=True),
        "properties": [{"key": "sd.public.comment", "value": {"internal": True}}],
    }


GONE = "SEC-3 is gone, or hidden from this account"


def test_an_issue_that_is_gone_is_replaced_by_the_delivery_that_holds_the_case(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    gone = reply(404, collection("Issue does not exist"))
    peer.answers(gone)
    jira, message = cloud(peer.origin), compose(alarms["rich"])
    assert jira.deliver(message, CaseRef("SEC-3")) == Retry(
        f"{GONE}: a new issue is to be made", needs_exclusive=True
    )
    assert asked(peer) == [("GET", LOOK)]
    peer.answers(gone, reply(200, json.dumps({"issues": []})), reply(201, CREATED))
    outcome = jira.deliver(message, CaseRef("SEC-3", exclusive=True))
    assert outcome == Delivered(ref="SEC-7", note=f"{GONE}, so a new issue was made")
    assert asked(peer)[:3] == [
        ("GET", LOOK),
        ("POST", "/rest/api/3/search/jql"),
        ("POST", "/rest/api/3/issue"),
    ]


def test_a_visible_issue_that_takes_no_comment_is_replaced(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    """Jira is not asked again and again."""
    nobody = reply(200, json.dumps({"issues": []}))
    peer.answers(reply(200, OPEN), reply(404), nobody, reply(201, CREATED))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), CaseRef("SEC-3", exclusive=True))
    assert outcome == Delivered(ref="SEC-7", note=f"{GONE}, so a new issue was made")


def test_an_acknowledgement_creates_and_reopens_no_issue(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    done = OPEN.replace("new", "done")
    for kind in (ACKNOWLEDGED, UNACKNOWLEDGED):
        message = replace(compose(alarms["rich"]), kind=kind)
        peer.answers(reply(200, done), reply(201, json.dumps({"id": "1"})))
        assert cloud(peer.origin).deliver(message, CaseRef("SEC-3")) == Delivered(ref="SEC-3")
    peer.answers(reply(404))
    message = replace(message, kind=ACKNOWLEDGED)
    outcome = cloud(peer.origin).deliver(message, CaseRef("SEC-3"))
    assert outcome == Delivered(note=f"{GONE}: there is nothing to comment on")


def test_a_ref_that_is_no_key_is_not_put_into_a_url(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(201, CREATED))
    cloud(peer.origin).deliver(compose(alarms["rich"]), CaseRef("../../admin-1"))
    assert asked(peer)[0] == ("POST", "/rest/api/3/issue")


def test_a_note_holds_no_secret(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    echo = f"no such user: hunt@acme.example:t0ken (Basic {b64encode(b'hunt@acme.example:t0ken').decode()})"
    peer.answers(reply(201, CREATED), reply(403, echo))
    outcome = cloud(peer.origin).deliver(compose(alarms["many_findings"]), NEW_CASE)
    assert isinstance(outcome, Delivered)
    refusal = "answered 403: “no such user: <secret> (Basic <secret>)”"
    assert f"the platform is not linked: {refusal}" in outcome.note
    assert "csv is not attached: answered 403: “no such user: <secret>" in outcome.note


@pytest.mark.parametrize(
    "key", ["A" * 3_000_000 + "-1", "SEC-" + "1" * 30, "sec-1", "SEC-1/../x", "SEC", "", "SEC-1\n", "-1"]
)
def test_a_key_in_a_wrong_form_is_not_kept(key: str, peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(201, json.dumps({"id": "1", "key": key})))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE)
    assert outcome == Delivered(note="Jira made an issue and did not say which")
    assert len(peer.requests) == 1
    moved = json.dumps({"key": key, "fields": {"status": {"statusCategory": {"key": "new"}}}})
    peer.answers(reply(200, moved), reply(201, json.dumps({"id": "1"})))
    assert cloud(peer.origin).deliver(compose(alarms["rich"]), CaseRef("SEC-3")) == Delivered(ref="SEC-3")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 413, 422])
def test_an_issue_that_takes_no_comment_is_replaced_by_a_linked_issue(
    status: int, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    """A workflow closed the issue, or it is restricted or archived. Later alarms are still told."""
    nobody, done = reply(200, json.dumps({"issues": []})), reply(201, "")
    refused = reply(status, collection("The issue is archived."))
    tries = [refused, refused] if status == 400 else [refused]  # a 400 may be about the form of the text
    peer.answers(reply(200, OPEN), *tries, nobody, reply(201, CREATED), done)
    jira, message = cloud(peer.origin), compose(alarms["rich"])
    assert isinstance(jira.deliver(message, CaseRef("SEC-3")), Retry)  # until it holds the case exclusively
    peer.answers(reply(200, OPEN), *tries, nobody, reply(201, CREATED), done)
    outcome = jira.deliver(message, CaseRef("SEC-3", exclusive=True))
    assert isinstance(outcome, Delivered)
    assert outcome.ref == "SEC-7"
    assert "so a new issue was made" in outcome.note
    (made,) = [request.json for request in peer.requests if request.path.endswith("/issue")]
    assert "SEC-3" in json.dumps(made["fields"]["description"])
    (link,) = [request.json for request in peer.requests if request.path.endswith("/issueLink")]
    assert (link["inwardIssue"], link["outwardIssue"]) == ({"key": "SEC-7"}, {"key": "SEC-3"})


def test_an_expired_token_does_not_replace_the_issue(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(200, OPEN), reply(401, "no"))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), CaseRef("SEC-3", exclusive=True))
    assert isinstance(outcome, Rejected)
    assert outcome.unauthorized
    assert len(peer.requests) == 2
