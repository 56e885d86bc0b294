"""People close a case from the menu of its message in Slack: who may, what is known good, and who is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from demo.slack.records import Post
from receiver.assemble import handlers
from receiver.destinations.slack.blocks import payload
from receiver.destinations.slack.close_menu import MAX_BLOCK_ID, close_menu
from receiver.messages.compose import compose
from receiver.messages.message import CaseStatus
from shared.models.cases import Case, CaseState, Closure, Verdict
from shared.models.event_kinds import CLOSED
from shared.models.evidence import Finding
from shared.models.known_good import Entry
from shared.models.known_good_terms import Scope
from shared.storage import audit
from tests.receiver.cases.test_deciding import FIRST_CASE, MINER, SYSTEM, Enricher, found
from tests.receiver.world import SOC, World, buttons, facts, header, menus

NOISE = found()


@pytest.fixture
def world(make_world) -> World:
    return in_hunts(make_world(["ir", "tickets", "siem"]))


def in_hunts(world: World, *findings: Finding) -> World:
    """The world, in which each alarm has these findings."""
    enricher = Enricher(findings=findings or (NOISE, MINER))
    world.stage.work = handlers(world.stage.runtime, enricher, world.stage.tools)
    world.alarm()
    return world


def key_of(world: World) -> str:
    """The key of the case, as the menu of its message has it."""
    (key,) = [block["block_id"] for block in world.parent.body["blocks"] if "block_id" in block]
    return str(key)


def case_of(world: World, key: str) -> Case:
    case = world.stage.runtime.ledger.cases.get(key)
    assert case is not None
    return case


def closure_of(world: World, key: str) -> Closure:
    closure = case_of(world, key).closure
    assert closure is not None
    return closure


def entries(world: World) -> tuple[Entry, ...]:
    return world.stage.runtime.ledger.known_good.naming(SYSTEM)


def test_a_choice_closes_the_case_with_the_defaults_and_everybody_is_told(world):
    assert menus(world.parent) == ["Close as…", "Mute…"]
    key = key_of(world)
    world.click("close", "benign")

    closure = closure_of(world, key)
    assert (closure.verdict, closure.by) == (Verdict.BENIGN, "ada")
    (entry,) = entries(world)
    assert [known.description for known in entry.findings] == [NOISE.description]  # the miner was not named
    assert (entry.id, entry.scope, entry.by, entry.case) == (closure.id, Scope.SYSTEM, "ada", key)
    assert entry.why == "closed in Slack, where no reason was given"
    assert (entry.until - entry.at).days == 90
    assert menus(world.parent) == []
    assert "Acknowledge" not in buttons(world.parent)
    assert facts(world.parent)["Closed"].startswith("As benign by ada at 2026-11-24 03:01 UTC")
    assert header(world.slack.replies(world.parent)[-1]).endswith("(i-0aaaaaaaaaaaaaaa1)")
    assert "Closed as benign by ada" in world.thread()[-1]
    assert [message.kind for message in world.siem.sent][1:] == [CLOSED]
    assert "Closed as benign by ada" in json.dumps(world.jira.issues["SEC-1"].comments)
    assert "1 finding is known good on this system until 2027-02-22." in json.dumps(
        world.slack.replies(world.parent)[-1].body
    )
    closed, *_ = audit.newest(world.stage.runtime.store, world.stage.moment)
    assert (closed.action, closed.about, closed.origin) == (audit.CASE_CLOSE, key, "Slack")
    assert closed.by == "ada (Slack user U012AB3CD)"
    assert closed.after["closed_as"] == "benign"
    assert world.slack.refused == []


def test_a_true_positive_makes_nothing_known_good(world):
    key = key_of(world)
    world.click("close", "true_positive")
    assert closure_of(world, key).verdict is Verdict.TRUE_POSITIVE
    assert entries(world) == ()


def test_a_case_that_somebody_has_taken_can_be_closed_by_another(world):
    key = key_of(world)
    world.click()
    assert menus(world.parent) == ["Close as…", "Mute…"]
    world.click("close", "false_positive", user="U0BOB00001", name="bob")
    assert (closure_of(world, key).by, world.ephemerals()) == ("bob", [])


def test_the_first_choice_counts_and_the_second_user_is_told_alone(world):
    key = key_of(world)
    late = world.slack.click(world.parent, "close", "true_positive", user="U0BOB00001", name="bob")
    taken = world.slack.click(world.parent, "acknowledge", user="U0BOB00001", name="bob")
    world.click("close", "benign")
    assert [world.send(late), world.send(taken)] == [200, 200]
    world.stage.run_all()

    assert closure_of(world, key).verdict is Verdict.BENIGN
    said = {text for user, text in world.ephemerals() if user == "U0BOB00001"}
    assert len(said) == 1
    assert "ada has closed “" in said.pop()
    assert len(entries(world)) == 1


def test_a_replayed_choice_closes_the_case_once(world):
    request = world.slack.click(world.parent, "close", "benign")
    for _ in range(3):
        assert world.send(request) == 200
        world.stage.run_all()
    assert [text for text in world.thread() if "Closed" in text] == world.thread()[-1:]
    assert len(entries(world)) == 1


def test_only_users_in_may_acknowledge_can_close(make_world):
    world = in_hunts(make_world(["ir"], listed=["U012AB3CD"]))
    key = key_of(world)
    world.click("close", "benign", user="U0AAAAAAAA", name="mallory")
    assert case_of(world, key).state is CaseState.OPEN
    assert entries(world) == ()
    ((user, text),) = world.ephemerals()
    assert (user, text.startswith("You may not close “")) == ("U0AAAAAAAA", True)
    (refused,) = audit.newest(world.stage.runtime.store, world.stage.moment)
    assert (refused.action, refused.after) == (
        audit.CASE_CLOSE,
        {"refused": "not in may_acknowledge of ir"},
    )
    world.click("close", "benign")
    assert case_of(world, key).state is CaseState.CLOSED


def test_an_app_may_not_close_a_case_that_it_did_not_post(make_world):
    world = in_hunts(make_world(["siem"]))
    forged = {"type": "actions", "block_id": FIRST_CASE, "elements": [close_menu()]}
    world.slack.posts.append(Post(SOC, "1764000000.000001", world.stage.moment, {"blocks": [forged]}))
    world.click("close", "benign")
    assert case_of(world, FIRST_CASE).state is CaseState.OPEN
    assert entries(world) == ()
    assert [text for _, text in world.ephemerals()] == [
        "huntbridge knows nothing of this case any more, so nothing was done."
    ]


def test_if_slack_is_down_the_verdict_stands(world):
    key = key_of(world)
    world.slack.fail(503, times=6, on="POST /api/")
    world.click("close", "benign", run=False)
    world.stage.run()
    assert case_of(world, key).state is CaseState.CLOSED
    world.stage.run_all()
    assert menus(world.parent) == []


def test_a_reopened_case_has_the_menu_again(world):
    world.click("close", "true_positive")
    world.stage.forward(86_400)
    world.alarm()
    assert menus(world.parent) == ["Close as…", "Mute…"]


def test_a_case_whose_key_is_too_long_for_slack_has_no_menu(make_world):
    world = in_hunts(make_world(["ir"]))
    alarm = case_of(world, key_of(world)).alarm
    message = compose(alarm, case=CaseStatus(offers=("acknowledge", "close")))
    for length, count in ((MAX_BLOCK_ID, 2), (MAX_BLOCK_ID + 1, 1)):
        body = payload(replace(message, case_key="k" * length, links=()), buttons=True)
        (actions,) = [block for block in body["blocks"] if block["type"] == "actions"]
        assert len(actions["elements"]) == count
