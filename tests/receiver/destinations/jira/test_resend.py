"""What Jira refuses in part is sent again without that part."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from receiver.destinations.contract import NEW_CASE, CaseRef, Delivered, Rejected, Retry
from receiver.destinations.jira import adf, wiki
from receiver.messages.compose import compose
from tests.receiver.destinations.jira.answers import CREATED, OPEN, cloud, collection, datacenter

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
    assert len(peer.requests) == 7  # one question and six attempts
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


def test_a_text_that_is_refused_without_its_field_is_sent_as_plain_text(
    peer: Any, reply: Any, alarms: dict[str, Any]
) -> None:
    """Jira Cloud refuses the form of a document in this way."""
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
    # The search of Jira Cloud may not see the issue yet.
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
    outcome = datacenter(peer.origin).deliver(emoji(alarms), NEW_CASE)  # it is not known whether it arrived
    assert isinstance(outcome, Retry)
    assert outcome.ambiguous
