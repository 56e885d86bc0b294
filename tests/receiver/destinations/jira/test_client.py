"""Which Jira answers, and what its errors mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from receiver.destinations.contract import NEW_CASE, Delivered, Rejected, Retry
from receiver.messages.compose import compose
from tests.receiver.destinations.jira.answers import CREATED, asked, cloud, collection


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (collection(priority="no", summary="too long"), "priority: no; summary: too long"),
        (collection(customfield_1="Team is required."), "customfield_1: Team is required."),
        (json.dumps({"message": "Bad\nrequest"}), "Bad request"),
        ("<html><h1>Bad</h1></html>", "Bad"),
    ],
)
def test_another_refusal_is_rejected_with_jiras_words(
    peer: Any, reply: Any, alarms: dict[str, Any], body: str, words: str
) -> None:
    peer.answers(reply(400, body))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE)
    assert outcome == Rejected(f"Jira refuses the issue (answered 400 Bad Request: “{words}”)")
    assert len(peer.requests) == 1


def test_an_expired_token_is_named(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(401, "Client must be authenticated"))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE)
    assert isinstance(outcome, Rejected)
    assert "has it expired?" in outcome.reason


@pytest.mark.parametrize(("kind", "version"), [("Cloud", 3), ("Server", 2)])
def test_jira_is_asked_once_whether_it_is_cloud(
    peer: Any, reply: Any, alarms: dict[str, Any], kind: str, version: int
) -> None:
    info = reply(200, json.dumps({"deploymentType": kind, "version": "9.12.2"}))
    peer.answers(reply(503), info, reply(201, CREATED))
    jira = cloud(peer.origin, api="auto")
    # The question failed, so nothing was posted: the outcome is not ambiguous, and nothing is remembered.
    assert jira.deliver(compose(alarms["rich"]), NEW_CASE) == Retry("answered 503 Service Unavailable")
    for _ in range(2):
        assert jira.deliver(compose(alarms["rich"]), NEW_CASE) == Delivered(ref="SEC-7")
    server_info, issue = ("GET", "/rest/api/2/serverInfo"), ("POST", f"/rest/api/{version}/issue")
    link = ("POST", f"/rest/api/{version}/issue/SEC-7/remotelink")
    assert asked(peer) == [server_info, server_info, issue, link, issue, link]


def test_a_server_that_is_not_jira_is_recognised(
    peer: Any, reply: Any, alarms: dict[str, Any], no_answers: Any
) -> None:
    peer.answers(reply(200, '{"hello": 1}'))
    jira = cloud(peer.origin, api="auto")
    assert jira.deliver(compose(alarms["rich"]), NEW_CASE) == Rejected(
        "what answers at this URL is not Jira: check the URL"
    )
    peer.answers(no_answers[1])
    outcome = jira.deliver(compose(alarms["rich"]), NEW_CASE)
    assert isinstance(outcome, Retry)
    assert not outcome.ambiguous


@pytest.mark.parametrize(
    "url", ["https://acme.atlassian.net", "https://api.atlassian.com/ex/jira/11223344-a1b2-3b33-c444-d"]
)
def test_an_atlassian_host_is_cloud_without_asking(url: str) -> None:
    assert cloud(url, api="auto")._api.cloud() is True
