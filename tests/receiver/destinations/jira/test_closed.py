"""Which issues are closed: asked in bulk, of both kinds of Jira, within what they allow."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from receiver.destinations.contract import Rejected, Retry
from scheduler.look_at_issues import look_at_issues
from shared.failures import SomeFailed
from shared.models.cases import Case, Verdict
from tests.receiver.destinations.jira.answers import asked, cloud, collection, datacenter
from tests.receiver.destinations.jira.site import once
from tests.receiver.destinations.jira.stories import BOTH, GERMAN, WAYS, Story

CASE = "system/i-0aaaaaaaaaaaaaaa1/1"
VERDICTS = {"verdicts": {"Won't Do": "benign", "Fixed": "true_positive"}}


def run_round(told: Story, rounds: int = 1) -> None:
    for _ in range(rounds):
        told.stage.forward(60)
        look_at_issues(told.stage.runtime)
        told.stage.run_all()


def case_of(told: Story) -> Case:
    case = told.stage.runtime.ledger.cases.get(CASE)
    assert case is not None
    return case


@BOTH
def test_an_issue_that_people_close_closes_its_case(story: Callable[..., Story], where: Any) -> None:
    """The fixture checks each request and each answer against Jira's own description."""
    told = story(settings=VERDICTS, **where)
    told.told()
    run_round(told)
    told.jira.close("SEC-1", "Won't Do", by="Grace Hopper")
    run_round(told, 2)
    closure = case_of(told).closure
    assert closure is not None
    assert (closure.verdict, closure.by) == (Verdict.BENIGN, "Grace Hopper")
    assert told.jira.issues["SEC-1"].comments == []
    bulk = ("POST", "search") if told.jira.datacenter else ("POST", "issue/bulkfetch")
    asked = [request.what for request in told.wire.requests if request.what == bulk]
    assert len(asked) == 4, "one request a round, and one for the names of the people"
    run_round(told)
    assert told.wire.asked[-1] == bulk


@BOTH
def test_an_issue_without_a_resolution_closes_its_case_too(story: Callable[..., Story], where: Any) -> None:
    """A Data Center does not even say when it was closed."""
    told = story(settings=VERDICTS, **where)
    told.told()
    told.jira.close("SEC-1", "", by="Grace Hopper")
    run_round(told, 2)
    closure = case_of(told).closure
    assert closure is not None
    assert (closure.verdict, closure.by) == (Verdict.BENIGN, "Grace Hopper")


@BOTH
def test_an_issue_that_was_moved_closes_its_case(story: Callable[..., Story], where: Any) -> None:
    told = story(settings=VERDICTS, **where)
    told.told()
    told.jira.move("SEC-1", "OPS-7")
    told.jira.close("OPS-7", "Fixed")
    run_round(told, 2)
    closure = case_of(told).closure
    assert closure is not None
    assert (closure.verdict, closure.origin) == (Verdict.TRUE_POSITIVE, "Jira OPS-7")


@BOTH
def test_an_issue_that_was_deleted_closes_nothing_and_does_not_fail_the_job(
    story: Callable[..., Story], where: Any
) -> None:
    told = story(settings=VERDICTS, **where)
    told.told()
    told.jira.delete("SEC-1")
    run_round(told, 3)
    assert case_of(told).closure is None


@BOTH
def test_an_answer_that_is_lost_is_asked_for_again_in_the_next_round(
    story: Callable[..., Story], where: Any
) -> None:
    bulk = "search" if where.get("datacenter") else "issue/bulkfetch"
    told = story(settings=VERDICTS, lose=once(("POST", bulk)), **where)
    told.told()
    told.jira.close("SEC-1", "Fixed")
    told.stage.forward(60)
    look_at_issues(told.stage.runtime)
    told.stage.run_all()
    told.stage.forward(60)
    with pytest.raises(SomeFailed, match=r"^tickets: "):
        look_at_issues(told.stage.runtime)
    told.stage.run_all()
    run_round(told)
    assert case_of(told).closure is not None


def test_the_category_of_the_status_decides_and_not_its_name(story: Callable[..., Story]) -> None:
    told = story(settings=VERDICTS, statuses=GERMAN, transitions=WAYS)
    told.told()
    with told.jira.lock:
        told.jira.set_status(told.jira.issues["SEC-1"], "Done", by="Grace")  # of the category in progress
    run_round(told, 3)
    assert case_of(told).closure is None
    told.jira.close("SEC-1", "Fixed", status="Erledigt")
    run_round(told, 2)
    assert case_of(told).closure is not None


def test_a_login_that_jira_no_longer_takes_is_not_a_gone_issue(peer: Any, reply: Any) -> None:
    peer.answers(reply(200, json.dumps({"issues": []})), reply(401, collection("no")))
    outcome = cloud(peer.origin).closed_issues({CASE: "SEC-1"})
    assert isinstance(outcome, Rejected)
    assert outcome.unauthorized
    assert "has it expired?" in outcome.reason
    assert asked(peer)[-1] == ("GET", "/rest/api/3/myself")


@pytest.mark.parametrize(
    "body",
    [
        {"issues": [5, None, {}, {"key": 7}, {"key": "SEC-1", "fields": []}]},
        {"issues": [{"key": "SEC-1", "fields": {"status": "done", "labels": [5]}, "changelog": 5}]},
        {"issues": [{"fields": {"status": {"statusCategory": {"key": "done"}}}}]},
    ],
)
def test_an_answer_of_another_shape_closes_nothing(peer: Any, reply: Any, body: Any) -> None:
    peer.answers(*[reply(200, json.dumps(body))] * 3)
    jira = cloud(peer.origin)
    assert jira.closed_issues({CASE: "SEC-1"}) == {}
    assert set(dict(jira.who_closed(["SEC-1"])).values()) <= {""}  # type: ignore[arg-type]


def test_what_is_no_key_is_never_part_of_a_search(peer: Any, reply: Any) -> None:
    jira = datacenter(peer.origin)
    assert jira.closed_issues({CASE: 'SEC-1") OR project = "X'}) == {}
    assert peer.requests == []


@pytest.mark.parametrize(("status", "kind"), [(429, Retry), (503, Retry), (403, Rejected), (400, Rejected)])
def test_a_refusal_is_no_answer(peer: Any, reply: Any, status: int, kind: type) -> None:
    peer.answers(*[reply(status, collection("no"))] * 2)
    assert isinstance(cloud(peer.origin).closed_issues({CASE: "SEC-1"}), kind)
    assert isinstance(cloud(peer.origin).who_closed(["SEC-1"]), kind)
