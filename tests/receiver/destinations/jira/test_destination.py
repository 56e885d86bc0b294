"""Jira as stories: what was asked, what came back, what became of it."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from receiver.destinations.contract import NEW_CASE, CaseRef, Check, Delivered, Rejected, Retry
from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira.destination import JiraDestination
from receiver.destinations.jira.issues import case_label
from receiver.destinations.jira.traits import issue_url
from receiver.messages.compose import compose
from shared.config.destinations.jira import JiraConfig
from shared.http.client import Http
from shared.models.event_kinds import ACKNOWLEDGED, UNACKNOWLEDGED
from shared.secrets import Secret

CREATED = json.dumps({"id": "10000", "key": "SEC-7", "self": "https://elsewhere.example/"})


OPEN = json.dumps({"key": "SEC-3", "fields": {"status": {"statusCategory": {"key": "new"}}}})
LOOK = (
    "/rest/api/3/issue/SEC-3?fields="
    "status%2Cresolution%2Cresolutiondate%2Cstatuscategorychangedate%2Cattachment"
)


def cloud(origin: str, **more: Any) -> JiraDestination:
    login = {"email": "hunt@acme.example", "api_token": "env:T"}
    config = JiraConfig(
        **{"type": "jira", "url": origin, "project": "SEC", "issue_type": "Incident", "api": "cloud"}
        | login
        | more
    )
    return JiraDestination("tickets", config, Http(), Secret("t0ken"))


def datacenter(origin: str, **more: Any) -> JiraDestination:
    login = {"token": "env:T", "api": "datacenter"}
    config = JiraConfig(**{"type": "jira", "url": f"{origin}/jira", "project": "SEC"} | login | more)
    return JiraDestination("tickets", config, Http(), Secret("t0ken"))


def collection(*messages: str, **errors: str) -> str:
    return json.dumps({"errorMessages": list(messages), "errors": errors})


def asked(peer: Any) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in peer.requests]


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
    """And is not asked again for ever."""
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


SCREEN = "Field 'priority' cannot be set. It is not on the appropriate screen, or unknown."


def test_a_refused_field_is_left_out_and_named(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(400, collection(priority=SCREEN, labels="not here")), reply(201, CREATED))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE)
    assert outcome == Delivered(
        ref="SEC-7", note=f"left out, as Jira refused it: priority: {SCREEN}; labels: not here"
    )
    first, second, _ = (request.json for request in peer.requests)
    assert set(first["fields"]) - set(second["fields"]) == {"priority", "labels"}


def test_several_refused_fields_are_left_out_one_after_another(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    peer.answers(
        reply(400, collection(priority="no")),
        reply(400, collection("It is closed.", labels="not here")),
        reply(400, collection("The properties cannot be set.")),
        reply(201, CREATED),
    )
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE)
    left_out = "; ".join(
        f"left out, as Jira refused it: {words}"
        for words in ("priority: no", "It is closed.; labels: not here", "The properties cannot be set.")
    )
    assert outcome == Delivered(ref="SEC-7", note=left_out)
    assert set(peer.requests[3].json) == {"fields"}
    assert set(peer.requests[3].json["fields"]) == {"project", "issuetype", "summary", "description"}


def test_a_refusal_without_a_field_leaves_out_only_optional_fields(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    peer.answers(reply(400, collection("Something is wrong here.")), reply(201, CREATED))
    outcome = cloud(peer.origin, security="SOC only").deliver(compose(alarms["rich"]), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert set(peer.requests[1].json["fields"]) == {
        *("project", "issuetype", "summary", "description", "security"),
    }


def test_a_refusal_without_a_text_leaves_out_only_optional_fields(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    silent = reply(400, json.dumps({"errorMessages": [], "errors": {}}))
    peer.answers(silent, silent, reply(201, CREATED))
    assert isinstance(cloud(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE), Delivered)
    assert set(peer.requests[2].json["fields"]) == {"project", "issuetype", "summary", "description"}


def test_a_character_that_the_database_refuses_is_replaced(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    refusal = reply(400, collection(summary=r"Incorrect string value: '\xF0\x9F\x92\xA9'"))
    nowhere = reply(200, json.dumps({"issues": []}))
    peer.answers(refusal, nowhere, reply(201, CREATED))
    outcome = datacenter(peer.origin).deliver(emoji(alarms), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert "without characters beyond U+FFFF" in outcome.note


def test_the_number_of_requests_for_an_issue_is_bounded(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    fields = {f"customfield_{n}": "x" for n in range(40)}
    refusals = [reply(400, collection(**{f"customfield_{n}": "no"})) for n in range(40)]
    jira = cloud(peer.origin, fields=fields)
    peer.answers(reply(403), *refusals)
    assert isinstance(jira.deliver(compose(alarms["rich"]), NEW_CASE), Rejected)
    assert len(peer.requests) == 7  # the question for the fields, and six attempts
    assert set(peer.requests[-1].json["fields"]) == {"project", "issuetype", "summary", "description"}
    peer.answers(*refusals[:5], reply(201, CREATED))
    assert isinstance(jira.deliver(compose(alarms["rich"]), NEW_CASE), Delivered)


@pytest.mark.parametrize("make", [cloud, datacenter])
@pytest.mark.parametrize("status", [400, 413])
def test_a_description_that_is_refused_becomes_short_and_plain(
    status: int, make: Any, peer: Any, reply: Any, alarms: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An administrator may set a limit far below Jira's own."""
    refusal = collection(description="The entered text is too long.") if status == 400 else "too large"
    peer.answers(reply(status, refusal), reply(201, CREATED))
    outcome = make(peer.origin).deliver(compose(alarms["many_findings"]), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert "as plain text" in outcome.note
    text = peer.requests[1].json["fields"]["description"]
    assert len(json.dumps(text)) < 8_000
    assert "Jira refused the form or the size of the whole message" in json.dumps(text)
    tells_of = adf.tells_of if make is cloud else wiki.tells_of
    assert tells_of(text, alarms["many_findings"].event.id)
    assert "7f3c9a52" in caplog.text


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


def test_the_number_of_tried_transitions_is_bounded(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    def way(n: int, name: str, category: str) -> dict[str, Any]:
        return {"id": str(n), "name": name, "to": {"statusCategory": {"key": category}}}

    ways = [way(n, "Any", "indeterminate") for n in range(100)]
    ways += [way(n, "Park it", "new") for n in range(100, 300)]
    ways += [way(300, "Reopen issue", "new"), way(301, "Reopen issue", "indeterminate")]
    ways += [way(302, "Reopen", "new") | {"id": "9" * 3_000}]
    done = OPEN.replace("new", "done")
    peer.answers(
        reply(200, done),
        reply(200, json.dumps({"transitions": ways})),
        *[reply(400, collection("no"))] * 5,
        reply(200, done),
        reply(201, json.dumps({"id": "1"})),
    )
    refs = CaseRef("SEC-3", exclusive=True)
    outcome = cloud(peer.origin, reopen_within=10**9).deliver(compose(alarms["rich"]), refs)
    assert isinstance(outcome, Delivered)
    tried = [
        request.json["transition"]["id"]
        for request in peer.requests
        if request.method == "POST" and request.path.endswith("/transitions")
    ]
    assert tried[0] == "300"
    assert len(tried) == 5
    assert len(peer.requests) == 9


def test_an_alarm_is_told_although_a_transition_fails(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    """A step of the workflow is broken and answers 500 for ever."""
    done = OPEN.replace("new", "done")
    ways = {"transitions": [{"id": "1", "name": "Reopen", "to": {"statusCategory": {"key": "new"}}}]}
    peer.answers(
        *(reply(200, done), reply(200, json.dumps(ways)), reply(500), reply(200, done)),
        reply(201, json.dumps({"id": "1"})),
    )
    refs = CaseRef("SEC-3", exclusive=True)
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), refs)
    assert outcome == Delivered(ref="SEC-3", note="SEC-3 stays closed: answered 500")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 413, 422])
def test_an_issue_that_takes_no_comment_is_replaced_by_a_linked_issue(
    status: int, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    """It is closed by a workflow, restricted or archived: every later alarm of the case is told."""
    nobody, done = reply(200, json.dumps({"issues": []})), reply(201, "")
    refused = reply(status, collection("The issue is archived."))
    tries = [refused, refused] if status == 400 else [refused]  # whether its form is at fault, is tried out
    peer.answers(reply(200, OPEN), *tries, nobody, reply(201, CREATED), done)
    jira, message = cloud(peer.origin), compose(alarms["rich"])
    assert isinstance(jira.deliver(message, CaseRef("SEC-3")), Retry)  # until it has the case alone
    peer.answers(reply(200, OPEN), *tries, nobody, reply(201, CREATED), done)
    outcome = jira.deliver(message, CaseRef("SEC-3", exclusive=True))
    assert isinstance(outcome, Delivered)
    assert outcome.ref == "SEC-7"
    assert "so a new issue was made" in outcome.note
    (made,) = [request.json for request in peer.requests if request.path.endswith("/issue")]
    assert "SEC-3" in json.dumps(made["fields"]["description"])
    (link,) = [request.json for request in peer.requests if request.path.endswith("/issueLink")]
    assert (link["inwardIssue"], link["outwardIssue"]) == ({"key": "SEC-7"}, {"key": "SEC-3"})


def test_a_text_that_is_refused_without_its_field_is_sent_as_plain_text(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    """As Jira Cloud refuses a document whose form it does not like."""
    for words, attempts in (("INVALID_INPUT", 2), ("Something is wrong.", 3)):
        refused = [reply(400, collection(words))] * (attempts - 1)
        peer.answers(*refused, reply(201, CREATED))
        outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), NEW_CASE)
        assert isinstance(outcome, Delivered)
        assert "as plain text" in outcome.note
        made = peer.requests[attempts - 1].json["fields"]
        assert adf.tells_of(made["description"], "7f3c9a52")
        assert ("labels" in made) is (words == "INVALID_INPUT")


@pytest.mark.parametrize("refusal", [collection(comment="INVALID_INPUT"), collection("INVALID_INPUT")])
def test_a_comment_whose_text_is_refused_is_sent_as_plain_text(
    refusal: str, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    refused = reply(400, refusal)
    peer.answers(reply(200, OPEN), refused, reply(201, json.dumps({"id": "1"})))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), CaseRef("SEC-3"))
    assert isinstance(outcome, Delivered)
    assert (outcome.ref, "as plain text" in outcome.note) == ("SEC-3", True)
    assert peer.requests[2].json["properties"] == peer.requests[1].json["properties"]  # still internal
    assert adf.tells_of(peer.requests[2].json["body"], "7f3c9a52")


def test_an_expired_token_does_not_replace_the_issue(peer: Any, reply: Any, alarms: dict[str, Any]) -> None:
    peer.answers(reply(200, OPEN), reply(401, "no"))
    outcome = cloud(peer.origin).deliver(compose(alarms["rich"]), CaseRef("SEC-3", exclusive=True))
    assert isinstance(outcome, Rejected)
    assert outcome.unauthorized
    assert len(peer.requests) == 2


# A Jira on a database that stores three bytes a character

EMOJI = "\U0001f3f4"


def emoji(alarms: dict[str, Any]) -> Any:
    rich = alarms["rich"]
    return compose(replace(rich, instance=replace(rich.instance, name=f"web {EMOJI}")))


@pytest.mark.parametrize("make", [cloud, datacenter])
def test_the_second_attempt_leaves_out_characters_that_the_database_cannot_store(
    make: Any, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    nobody = reply(200, json.dumps({"issues": []}))
    peer.answers(reply(500, collection("internal")), nobody, reply(201, CREATED))
    outcome = make(peer.origin).deliver(emoji(alarms), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert outcome.ref == "SEC-7"
    assert "without characters beyond U+FFFF" in outcome.note
    first, _, second, *_ = (request.json for request in peer.requests)
    assert EMOJI in json.dumps(first, ensure_ascii=False)
    assert EMOJI not in json.dumps(second, ensure_ascii=False)
    assert "web \ufffd" in second["fields"]["summary"]
    # Of Jira Cloud the search may not see yet what was made.
    assert ("may be a repeat" in json.dumps(second)) is (make is cloud)

    peer.answers(
        *(reply(200, OPEN), reply(500), reply(404), reply(404)),
        reply(201, json.dumps({"id": "1"})),
    )
    outcome = make(peer.origin).deliver(emoji(alarms), CaseRef("SEC-3"))
    assert isinstance(outcome, Delivered)
    assert EMOJI not in json.dumps(peer.requests[4].json, ensure_ascii=False)


def test_an_issue_that_was_created_despite_a_500_is_not_created_again(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    there = reply(200, json.dumps({"issues": [{"key": "SEC-7"}]}))
    peer.answers(reply(500), there, reply(200, json.dumps({"value": {"id": "7f3c9a52"}})), reply(201, "{}"))
    outcome = datacenter(peer.origin).deliver(emoji(alarms), NEW_CASE)
    assert isinstance(outcome, Delivered)
    assert (outcome.ref, outcome.note) == ("SEC-7", "an earlier attempt had arrived")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_other_failures_are_not_followed_by_an_attempt_without_such_characters(
    status: int, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    peer.answers(reply(status))
    message = compose(alarms["rich"]) if status == 500 else emoji(alarms)
    assert isinstance(datacenter(peer.origin).deliver(message, NEW_CASE), Retry)
    assert len(peer.requests) == 1
    peer.answers(reply(500), reply(503))
    outcome = datacenter(peer.origin).deliver(
        emoji(alarms), NEW_CASE
    )  # and nobody can say whether it arrived
    assert isinstance(outcome, Retry)
    assert outcome.ambiguous


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
    # The question failed and nothing was posted: not ambiguous, and not remembered.
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


@pytest.mark.parametrize(
    ("settings", "page"),
    [
        ({"url": "https://acme.atlassian.net/"}, "https://acme.atlassian.net/browse/SEC-1"),
        ({"url": "https://jira.example/jira"}, "https://jira.example/jira/browse/SEC-1"),
        ({"url": "https://api.atlassian.com/ex/jira/1"}, ""),
        (
            {"url": "https://api.atlassian.com/ex/jira/1", "site": "https://acme.atlassian.net"},
            "https://acme.atlassian.net/browse/SEC-1",
        ),
    ],
)
def test_the_url_of_an_issue(settings: dict[str, str], page: str) -> None:
    assert issue_url(JiraConfig(type="jira", project="SEC", **settings), "SEC-1") == page


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


@pytest.mark.parametrize("content", [5, "x", {"a": 1}, [1], [[]], [None], ["x"]])
def test_a_comment_that_is_no_document_was_written_by_somebody_else(
    content: Any, peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    comment = {"body": {"type": "doc", "content": [{"type": "paragraph", "content": content}]}}
    comments = reply(200, json.dumps({"comments": [comment, {"body": {"content": content}}]}))
    peer.answers(reply(404), comments, reply(200, OPEN), reply(201, json.dumps({"id": "1"})))
    message = compose(alarms["rich"], maybe_repeat=True)
    outcome = cloud(peer.origin).deliver(message, CaseRef("SEC-7"))
    assert isinstance(outcome, Delivered)
