"""A case whose issue people close in Jira is closed within two rounds of the timer, and others are told."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from receiver.assemble import case_decisions
from scheduler.look_at_issues import look_at_issues
from shared.failures import SomeFailed
from shared.models.cases import Case, CaseState, Closure, Verdict
from shared.models.event_kinds import CLOSED, REOPENED
from shared.models.people import Person
from shared.queues import items
from shared.storage import kinds
from tests.queue_items import decoded
from tests.receiver.conftest import Enricher
from tests.receiver.world import CASE, World, facts, header, miner, scanner

VERDICTS = {"Won't Do": "benign", "cannot  reproduce": "false_positive", "Fixed": "true_positive"}
SYSTEM = "i-0aaaaaaaaaaaaaaa1"
EVERYWHERE = ["ir", "tickets", "office", "siem"]


@pytest.fixture
def world(make_world) -> World:
    made: World = make_world(EVERYWHERE, verdicts=VERDICTS)
    made.alarm()
    return made


def run_round(world: World, rounds: int = 1) -> None:
    """Rounds of the timer, and what they put into the queues."""
    for _ in range(rounds):
        world.stage.forward(60)
        look_at_issues(world.stage.runtime)
        world.stage.run_all()


def case_of(world: World) -> Case:
    case = world.stage.runtime.ledger.cases.get(CASE)
    assert case is not None
    return case


def closure_of(world: World) -> Closure:
    closure = case_of(world).closure
    assert closure is not None
    return closure


def known_good(world: World):
    return world.stage.runtime.ledger.known_good.naming(SYSTEM)


def find(world: World, *findings) -> str:
    """The platform confirms these findings."""
    enricher = world.stage.enricher
    assert isinstance(enricher, Enricher)
    enricher.runs[4], enricher.found[4] = world.stage.moment, findings
    enricher.counts[4] = tuple(
        sum(each.count for each in findings if each.severity == severity)
        for severity in ("malicious", "suspicious")
    )
    return world.alarm()


def test_it_is_seen_within_two_rounds_told_to_the_others_and_not_echoed_to_jira(world):
    world.jira.close("SEC-1", "Won't Do", by="Grace Hopper")
    run_round(world)
    assert case_of(world).state is CaseState.OPEN, "a resolution may still follow"

    run_round(world)
    closure = closure_of(world)
    assert (closure.verdict, closure.by, closure.origin) == (Verdict.BENIGN, "Grace Hopper", "Jira SEC-1")
    assert closure.why == "SEC-1 was resolved as Won't Do"
    text = "As benign by Grace Hopper at 2026-11-24 03:03 UTC: “SEC-1 was resolved as Won't Do”"
    assert facts(world.parent)["Closed"] == text
    assert world.siem.sent[-1].kind == CLOSED
    assert world.stage.office.sent[-1].kind == CLOSED
    assert world.jira.issues["SEC-1"].comments == []
    (entry,) = [e for e in world.stage.runtime.queries.audit.newest().rows if e.about == CASE]
    assert (entry.by, entry.origin) == ("Grace Hopper", "Jira SEC-1")

    told = len(world.siem.sent)
    run_round(world, 3)
    assert len(world.siem.sent) == told


@pytest.mark.parametrize(
    ("resolution", "verdict"),
    [
        ("Won't Do", Verdict.BENIGN),
        ("won’t do", Verdict.BENIGN),
        ("Cannot Reproduce", Verdict.FALSE_POSITIVE),
        ("Fixed", Verdict.TRUE_POSITIVE),
    ],
)
def test_the_configuration_says_which_verdict_a_resolution_is(world, resolution, verdict):
    world.jira.close("SEC-1", resolution)
    run_round(world, 2)
    assert closure_of(world).verdict is verdict


def test_a_harmless_resolution_makes_the_findings_known_good_except_malicious_ones(make_world):
    world = make_world(EVERYWHERE, verdicts=VERDICTS)
    find(world, scanner(2), miner(1))
    world.jira.close("SEC-1", "Won't Do", by="Grace Hopper")
    run_round(world, 2)
    (entry,) = known_good(world)
    assert (entry.by, entry.origin, entry.case) == ("Grace Hopper", "Jira SEC-1", CASE)
    assert [finding.description for finding in entry.findings] == ["PUA.NetTool.Nmap"]
    assert "1 finding is known good on this system" in world.siem.sent[-1].summary


@pytest.mark.parametrize(
    ("resolution", "why"),
    [
        (
            "Done",
            "SEC-1 was resolved as Done, for which no verdict is configured, so nothing is known good",
        ),
        ("", "SEC-1 was closed without a resolution, so nothing is known good"),
    ],
)
def test_an_unmapped_resolution_is_no_attack_and_withholds_nothing(make_world, resolution, why):
    world = make_world(EVERYWHERE, verdicts=VERDICTS)
    find(world, scanner(2))
    world.jira.close("SEC-1", resolution)
    run_round(world, 2)
    closure = closure_of(world)
    assert (closure.verdict, closure.why) == (Verdict.BENIGN, why)
    assert known_good(world) == ()

    told = len(world.siem.sent)
    world.stage.forward(7 * 86_400)
    find(world, scanner(2))
    assert len(world.siem.sent) > told, "what comes back is told"
    assert case_of(world).state is CaseState.OPEN


def test_the_resolution_may_follow_the_status_and_be_set_by_somebody_else(world):
    world.jira.close("SEC-1", "", by="Grace Hopper")
    run_round(world)
    world.jira.resolve("SEC-1", "Cannot Reproduce", by="Ada Lovelace")
    run_round(world)
    closure = closure_of(world)
    assert (closure.verdict, closure.by) == (Verdict.FALSE_POSITIVE, "Ada Lovelace")


def test_an_issue_that_is_open_again_at_the_second_look_closes_nothing(world):
    world.jira.close("SEC-1", "Won't Do")
    run_round(world)
    world.jira.reopen("SEC-1")
    run_round(world)
    world.jira.close("SEC-1", "Fixed")
    run_round(world)
    assert case_of(world).state is CaseState.OPEN, "it is the first look again"
    run_round(world)
    assert closure_of(world).verdict is Verdict.TRUE_POSITIVE


def test_a_repeated_item_is_not_the_second_look_and_decides_nothing_twice(world):
    world.jira.close("SEC-1", "Won't Do")
    item = items.LookAtIssues("tickets", {CASE: "SEC-1"}, "2026-11-24T04:00Z")

    def handle(item):
        world.stage.runtime.events.put(items.encode(item))
        world.stage.run_all()

    handle(item)
    handle(item)
    assert case_of(world).state is CaseState.OPEN
    later = items.LookAtIssues("tickets", {CASE: "SEC-1"}, "2026-11-24T04:01Z")
    handle(later)
    told, decisions = len(world.siem.sent), case_of(world).decisions
    handle(later)
    handle(item)
    assert (len(world.siem.sent), case_of(world).decisions) == (told, decisions)
    assert len(decisions) == 1


def test_what_a_person_was_not_told_of_is_not_closed(world):
    """The issue stays closed, and a later alarm became a comment."""
    world.jira.close("SEC-1", "Won't Do")
    world.stage.forward(5)
    find(world, scanner(3), miner(2))
    assert len(world.jira.issues["SEC-1"].comments) == 1
    run_round(world, 3)
    assert case_of(world).state is CaseState.OPEN

    world.jira.reopen("SEC-1")
    world.jira.close("SEC-1", "Won't Do")
    run_round(world, 2)
    assert case_of(world).state is CaseState.CLOSED


def test_a_person_who_reopened_the_case_later_wins_over_the_closing(world):
    world.jira.close("SEC-1", "Won't Do")
    run_round(world, 2)
    decisions = case_decisions(world.stage.runtime)
    decisions.reopen(CASE, Person("ada", "the console"))
    run_round(world, 3)
    assert case_of(world).state is CaseState.OPEN
    assert world.siem.sent[-1].kind == REOPENED


def test_whoever_closed_the_case_before_the_second_look_has_closed_it(world):
    world.jira.close("SEC-1", "Fixed")
    run_round(world)
    decisions = case_decisions(world.stage.runtime)
    decisions.close(CASE, Person("ada", "the console"), Verdict.BENIGN, "a pentest")
    run_round(world, 2)
    assert closure_of(world).by == "ada"
    assert len(case_of(world).decisions) == 1


def test_an_outage_fails_the_job_of_the_next_round_and_costs_nothing(world):
    world.jira.close("SEC-1", "Fixed")
    world.jira.outage = "down"
    run_round(world)
    with pytest.raises(SomeFailed, match=r"^tickets: answered 503"):
        run_round(world)
    world.stage.run_all()
    with pytest.raises(SomeFailed):
        run_round(world)
    world.jira.outage = ""
    world.stage.run_all()
    run_round(world)
    assert case_of(world).state is CaseState.CLOSED


def test_a_failure_of_long_ago_does_not_fail_the_job(world):
    at = world.stage.moment - timedelta(hours=1)
    note = {"at": at.isoformat(), "why": "answered 500"}
    world.stage.runtime.ledger.notes.save(kinds.CLOSED_ISSUE_NOTES, "tickets", note)
    look_at_issues(world.stage.runtime)


def test_hostile_text_of_jira_is_only_text(world):
    world.jira.close("SEC-1", "<!channel> \u202e{{7*7}}", by="*Mallory*\n<!here>")
    run_round(world, 2)
    shown = json.dumps([post.body for post in world.slack.posts])
    assert "<!channel>" not in shown
    assert "<!here>" not in shown
    assert "\\u202e" not in shown
    assert world.slack.refused == []
    assert header(world.parent)


def test_a_round_goes_on_where_the_last_one_stopped(world, monkeypatch):
    """Of more cases than one round looks at, each gets its turn."""
    monkeypatch.setattr("scheduler.look_at_issues._PAGES", 1)
    monkeypatch.setattr("shared.storage.queries.open_issues.STEP", 2)
    ledger, case = world.stage.runtime.ledger, case_of(world)
    for number in range(4):
        ledger.cases.change(f"system/i-{number}/1", lambda _: case)
        ledger.case_references.release(f"system/i-{number}/1", "tickets", "", ref=f"SEC-{number + 10}")
    seen = []
    for _ in range(3):
        world.stage.forward(60)
        look_at_issues(world.stage.runtime)
        claimed = world.stage.runtime.events.claim(10, lease=60)
        seen.append([sorted(decoded(items.LookAtIssues, item.body).issues.values()) for item in claimed])
        for item in claimed:
            world.stage.runtime.events.done(item)
    assert [len(each) for each in seen] == [1, 1, 1]
    assert sorted(key for (issues,) in seen for key in issues) == [
        *("SEC-1", "SEC-10", "SEC-11", "SEC-12", "SEC-13"),
    ]
    look_at_issues(world.stage.runtime)
    assert world.stage.runtime.events.claim(10, lease=60) == [], "at most one round a minute"
