"""Who closed a case in Slack chooses its terms in a dialog: what it offers, what a choice changes, and what
happens if it cannot be opened."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from demo.slack.dialogs import Dialog
from receiver.assemble import case_decisions, deciding
from shared.models.cases import CaseState
from shared.models.known_good import Entry
from shared.models.known_good_terms import Scope, Terms
from shared.models.people import Person
from shared.secrets import Secret, SecretRef
from shared.storage import audit
from tests.receiver.cases.test_close_in_slack import (
    NOISE,
    case_of,
    closure_of,
    entries,
    in_hunts,
    key_of,
)
from tests.receiver.cases.test_deciding import MINER, SYSTEM
from tests.receiver.world import World, facts

WHY = "The nightly backup"
BOB = Person("bob", "the console")


@pytest.fixture
def world(make_world) -> World:
    return in_hunts(make_world(["ir", "tickets", "siem"]))


def closed(world: World, verdict: str = "benign") -> str:
    """The key of the case, which ada has closed."""
    key = key_of(world)
    world.click("close", verdict)
    return key


def dialog(world: World) -> Dialog:
    (dialog,) = world.slack.dialogs.opened
    return dialog


def options(world: World, field: str) -> list[str]:
    (element,) = [
        block["element"] for block in dialog(world).view["blocks"] if block.get("block_id") == field
    ]
    return [option["text"]["text"] for option in element["options"]]


def submit(world: World, user: str = "U012AB3CD", **chosen: Any) -> int:
    status = world.send(world.slack.submit(dialog(world), user, **chosen))
    world.stage.run_all()
    return status


def live(world: World) -> list[Entry]:
    return [entry for entry in entries(world) if entry.is_live(world.stage.moment)]


def test_the_dialog_offers_where_how_long_and_the_malicious_findings_by_name(world):
    closed(world)
    view = dialog(world).view
    assert view["title"]["text"] == "Closed: benign"
    assert [block.get("block_id") for block in view["blocks"]] == [None, "scope", "days", "why", "malicious"]
    assert options(world, "scope") == [
        f"On this system, {SYSTEM}",
        "On every system with Role=backup",
        "Everywhere",
    ]
    assert options(world, "days")[2] == "For 90 days, until 2027-02-22"
    assert options(world, "malicious") == ["Miner.XMRig /tmp/xmrig"]
    assert world.ephemerals() == []
    assert world.slack.refused == []


def test_the_dialog_of_a_true_positive_asks_for_a_reason_only(world):
    key = closed(world, "true_positive")
    assert [block.get("block_id") for block in dialog(world).view["blocks"]] == [None, "why"]
    assert submit(world, why="A miner") == 200
    assert closure_of(world, key).why == "A miner"
    assert entries(world) == ()
    assert "Closed as true positive by ada, with new terms" in world.thread()[-1]


def test_a_choice_replaces_the_usual_terms_and_everybody_is_told(world):
    key = closed(world)
    (before,) = entries(world)
    world.stage.forward(60)
    assert submit(world, scope="system", days="30", why=WHY) == 200

    (entry,) = entries(world)
    assert replace(entry, why=before.why, until=before.until) == before
    assert (entry.why, (entry.until - entry.at).days) == (WHY, 30)
    case = case_of(world, key)
    assert (case.state, closure_of(world, key).why) == (CaseState.CLOSED, WHY)
    assert facts(world.parent)["Closed"].endswith("“The nightly backup”")
    reply = json.dumps(world.slack.replies(world.parent)[-1].body, ensure_ascii=False)
    assert "Closed as benign by ada, with new terms" in reply
    assert "1 finding is known good on this system until 2026-12-24." in reply
    assert "with new terms" in json.dumps(world.jira.issues["SEC-1"].comments)
    changed, *_ = audit.newest(world.stage.runtime.store, world.stage.moment)
    assert (changed.action, changed.by) == (audit.CASE_CLOSE, "ada (Slack user U012AB3CD)")
    assert (changed.before["closed_as"], changed.after["why"]) == ("benign", WHY)


@pytest.mark.parametrize(("value", "scope"), [("everywhere", Scope.EVERYWHERE), ("Role=backup", Scope.TAG)])
def test_a_wider_scope_is_added_before_the_narrow_one_ends(world, value, scope):
    closed(world)
    offered = dialog(world).view["blocks"][1]["element"]["options"]
    (chosen,) = [
        option["value"]
        for option in offered
        if value in (option["value"], option["text"]["text"].removeprefix("On every system with "))
    ]
    submit(world, scope=chosen, days="90", why=WHY)
    (entry,) = live(world)
    assert entry.scope is scope
    (ended,) = [each for each in entries(world) if each.ended_at]
    assert (ended.id, ended.scope, ended.ended_by) == (entry.id, Scope.SYSTEM, "ada, who chose another scope")
    assert world.stage.runtime.ledger.known_good.get(entry.id) == entry


def test_a_malicious_finding_is_known_good_only_if_it_is_named(world):
    closed(world)
    (option,) = dialog(world).view["blocks"][4]["element"]["options"]
    submit(world, why=WHY, malicious=[option["value"]])
    (entry,) = entries(world)
    assert {known.description for known in entry.findings} == {NOISE.description, MINER.description}


def test_a_reopened_case_ends_the_entry_in_its_new_scope(world):
    key = closed(world)
    submit(world, scope="everywhere", why=WHY)
    case_decisions(world.stage.runtime).reopen(key, BOB, "It was not the backup")
    assert live(world) == []


def test_a_choice_after_the_case_was_reopened_changes_nothing_and_says_so(world):
    key = closed(world)
    case_decisions(world.stage.runtime).reopen(key, BOB, "It was not the backup")
    world.stage.run_all()
    submit(world, scope="everywhere", why=WHY)
    assert live(world) == []
    assert case_of(world, key).state is CaseState.OPEN
    ((user, text),) = world.ephemerals()
    assert user == "U012AB3CD"
    assert text.endswith("this was reopened in the meantime. The terms were not changed.")


def test_a_choice_after_somebody_ended_the_entry_does_not_bring_it_back(world):
    key = closed(world)
    known_good = world.stage.runtime.ledger.known_good
    known_good.end(entries(world)[0], "bob")
    submit(world, scope="everywhere", why=WHY)
    assert live(world) == []
    assert closure_of(world, key).why != WHY
    assert "bob has ended what this closing made known good" in world.ephemerals()[0][1]


def test_an_entry_that_somebody_ends_while_it_gets_another_scope_stays_ended(world, monkeypatch):
    key = closed(world)
    known_good = type(world.stage.runtime.ledger.known_good)
    put = known_good.replace

    def ended_first(self, entry, **more):
        self.end(entries(world)[0], "bob")
        put(self, entry, **more)

    monkeypatch.setattr(known_good, "replace", ended_first)
    submit(world, scope="everywhere", why=WHY)
    assert live(world) == []
    assert closure_of(world, key).why != WHY
    assert "bob has ended what this closing made known good" in world.ephemerals()[0][1]


def test_a_case_that_is_reopened_while_its_terms_change_leaves_nothing_known_good(make_world, monkeypatch):
    world = in_hunts(make_world(["ir"]), MINER)  # nothing is known good unless it is named
    key = closed(world)
    known_good = type(world.stage.runtime.ledger.known_good)
    put = known_good.replace

    def reopened_first(self, entry, **more):
        case_decisions(world.stage.runtime).reopen(key, BOB, "It is an attack")
        put(self, entry, **more)

    monkeypatch.setattr(known_good, "replace", reopened_first)
    (option,) = dialog(world).view["blocks"][4]["element"]["options"]
    submit(world, scope="everywhere", why=WHY, malicious=[option["value"]])
    assert case_of(world, key).state is CaseState.OPEN
    assert live(world) == []


def test_a_replayed_submission_is_told_once(world):
    closed(world)
    request = world.slack.submit(dialog(world), scope="everywhere", why=WHY)
    for _ in range(3):
        assert world.send(request) == 200
        world.stage.run_all()
    assert len([text for text in world.thread() if "with new terms" in text]) == 1
    assert len(live(world)) == 1


def test_a_worker_that_dies_between_the_two_scopes_leaves_no_gap(world, monkeypatch):
    closed(world)
    world.send(world.slack.submit(dialog(world), scope="everywhere", why=WHY))
    known_good = type(world.stage.runtime.ledger.known_good)
    end = known_good.end
    died: list[int] = []

    def dies(self, entry, by):
        if not died:
            died.append(1)
            raise KeyboardInterrupt
        return end(self, entry, by)

    monkeypatch.setattr(known_good, "end", dies)
    with pytest.raises(KeyboardInterrupt):
        world.stage.run()
    assert {entry.scope for entry in live(world)} == {Scope.SYSTEM, Scope.EVERYWHERE}
    world.stage.forward(61)
    world.stage.run_all()
    assert [entry.scope for entry in live(world)] == [Scope.EVERYWHERE]


def test_only_the_person_who_closed_the_case_can_choose_in_slack(world):
    key = closed(world)
    submit(world, user="U0BOB00001", scope="everywhere", why=WHY)
    assert [entry.scope for entry in live(world)] == [Scope.SYSTEM]
    assert closure_of(world, key).why != WHY
    (dead,) = world.stage.runtime.events.dead_items()
    assert dead.reason == "only the person who closed a case in Slack can choose the terms there"


def test_another_app_cannot_choose_for_a_case_that_it_did_not_post(world):
    closed(world)
    world.secrets = {SecretRef.parse("env:OTHER"): Secret(world.slack.signing_secret)}
    submit(world, scope="everywhere", why=WHY)
    assert [entry.scope for entry in live(world)] == [Scope.SYSTEM]
    (dead,) = world.stage.runtime.events.dead_items()
    assert dead.reason == "terms were signed with env:OTHER, and its app has not posted the case"


def test_a_dialog_that_comes_too_late_leaves_the_verdict_and_says_what_to_do(world):
    key = key_of(world)
    world.click("close", "benign", run=False)
    world.stage.forward(3)
    world.stage.run_all()
    assert world.slack.dialogs.opened == []
    assert case_of(world, key).state is CaseState.CLOSED
    ((user, text),) = world.ephemerals()
    assert user == "U012AB3CD"
    assert "with the usual terms and without a reason" in text
    assert "on its page in the console or with huntbridge cases" in text


@pytest.mark.parametrize("error", ["expired_trigger_id", "exchanged_trigger_id"])
def test_if_slack_refuses_the_dialog_the_verdict_stands(world, error):
    key = key_of(world)
    request = world.slack.click(world.parent, "close", "benign")
    trigger = world.slack.dialogs.latest()
    if error == "expired_trigger_id":
        trigger.at -= 3.1
    else:
        trigger.used = True
    assert world.send(request) == 200
    world.stage.run_all()
    assert case_of(world, key).state is CaseState.CLOSED
    assert len(world.ephemerals()) == 1
    assert [refused.why for refused in world.slack.refused] == [error]


def test_refining_through_the_core_is_repeatable(world):
    key = closed(world)
    decides, id = deciding(world.stage.runtime), closure_of(world, key).id
    until = world.stage.moment + timedelta(days=7)
    once = decides.refine(key, id, Terms(Scope.EVERYWHERE, until), WHY)
    before = entries(world), case_of(world, key)
    assert decides.refine(key, id, Terms(Scope.EVERYWHERE, until), WHY) == once
    assert (entries(world), case_of(world, key)) == before
    decides.refine(key, id, Terms(Scope.SYSTEM, until), WHY)
    assert [entry.scope for entry in live(world)] == [Scope.SYSTEM]
    assert case_of(world, key).closure == replace(closure_of(world, key), why=WHY)
