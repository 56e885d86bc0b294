"""`huntbridge cases`: which cases are open, who has them, what happened, and what a person decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from cli.main import main
from receiver.assemble import case_actions, case_lifecycle, resending
from receiver.events.history import History
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.models.event_kinds import CLOSED, RELEASED, REOPENED
from shared.models.events import Event
from shared.models.evidence import Finding, Project
from shared.models.people import Person
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.queues import items
from shared.queues.worker import work
from shared.storage import audit
from tests.cli.conftest import Side
from tests.queue_items import decoded

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
WEB, DB = System("i-0aaaaaaaaaaaaaaa1", "us-east-1"), System("i-0bbbbbbbbbbbbbbb2", "us-east-1")
WEB_CASE, DB_CASE = f"project/3/{WEB.key}", f"project/3/{DB.key}"
TITLE = "5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"


def alarm(id: str, system: System, name: str, severity: Severity, minutes: int) -> Alarm:
    at = NOON + timedelta(minutes=minutes)
    is_malicious = severity is Severity.MALICIOUS
    return Alarm(
        Event(id, "processing_with_alarms", at, text="ALARMS", project_id=3, system=system),
        severity,
        project=Project(3, "weekly"),
        instance=Instance(system.instance, system.region, name=name),
        system=system,
        findings=(Finding("xmrig", 5, severity, path="/tmp/x"),),
        malicious=5 if is_malicious else 0,
        suspicious=0 if is_malicious else 2,
    )


@pytest.fixture
def side(empty_side: Side) -> Side:
    """A side with a suspicious case of db-01 and a malicious one of web-01."""
    made, _ = empty_side
    told(made, alarm("e1", DB, "db-01", Severity.SUSPICIOUS, 0))
    told(made, alarm("e2", WEB, "web-01", Severity.MALICIOUS, 1))
    return empty_side


def told(made: Runtime, one: Alarm) -> None:
    case_lifecycle(made).add(one, ["slack"])
    made.ledger.events.save_whole_alarm(one)
    made.ledger.events.record_routed(one.event, one.severity, ["slack"], case=one.case_key)


def handled(made: Runtime) -> None:
    """Handle the items of the commands, as a worker does."""
    actions = case_actions(made, case_lifecycle(made))

    def handle(item):
        content = items.decode(item.body)
        if isinstance(content, items.DecideCase):
            return actions.decide(content)
        return actions.acknowledge(decoded(items.AcknowledgeCase, item.body))

    while work(made.events, handle, lease=60):
        pass


@pytest.fixture
def cases(side: Side) -> Callable[..., str]:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["cases", *arguments], env=side[1], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return run


def keys(said: str) -> list[str]:
    return [case["key"] for case in json.loads(said)["cases"]]


def test_the_list_is_worst_first_and_says_who_has_a_case(side, cases):
    cases("ack", "e1", "--by", "Ada")
    lines = [line.split(None, 2) for line in cases("list").splitlines()]
    assert [(line[0], line[1]) for line in lines] == [
        ("Case", "Severity"),
        (WEB_CASE, "malicious"),
        (DB_CASE, "suspicious"),
    ]
    assert lines[1][2].split("  ")[0] == "open"
    assert lines[2][2].startswith("taken by Ada ")
    assert TITLE in lines[1][2]


def test_the_filters_of_the_list(side, cases):
    cases("ack", "e1", "--by", "Ada")
    assert keys(cases("list", "--json")) == [WEB_CASE, DB_CASE]
    assert keys(cases("list", "--json", "--severity", "malicious")) == [WEB_CASE]
    assert keys(cases("list", "--json", "--owner", "Ada")) == [DB_CASE]
    assert keys(cases("list", "--json", "--owner", "nobody")) == [WEB_CASE]
    assert keys(cases("list", "--json", "--state", "open")) == [WEB_CASE]
    assert keys(cases("list", "--json", "--state", "acknowledged")) == [DB_CASE]
    assert keys(cases("list", "--json", "--state", "closed")) == []
    cases("close", "e1", "--by", "Bob", "--verdict", "benign", "--why", "a backup")
    assert keys(cases("list", "--json")) == [WEB_CASE]
    assert keys(cases("list", "--json", "--state", "closed", "--since", "1d")) == [DB_CASE]
    assert keys(cases("list", "--json", "--state", "closed", "--severity", "malicious")) == []
    assert "closed as benign by Bob" in cases("list", "--state", "closed")


def test_the_list_is_filtered_by_text_and_age(side, cases):
    assert keys(cases("list", "--json", "--text", "WEB-01 xmrig")) == [WEB_CASE]
    assert keys(cases("list", "--json", "--text", "nowhere")) == []
    by_age = [key for age in ("day", "week", "older") for key in keys(cases("list", "--json", "--age", age))]
    assert by_age == [WEB_CASE, DB_CASE]
    cases("close", "e2", *CLOSE)
    assert keys(cases("list", "--json", "--state", "all")) == [DB_CASE, WEB_CASE]
    assert keys(cases("list", "--json", "--state", "all", "--text", "web-01")) == [WEB_CASE]


def test_several_cases_are_closed_at_once(side, cases):
    made, _ = side
    assert "there is no case 'e9'" in cases("close", "e1", "e9", *CLOSE, code=1)
    assert made.ledger.cases.get(DB_CASE).closure is None
    cases("close", "e1", "--by", "Bob", "--verdict", "benign", "--why", "a backup")
    said = cases("close", "e1", "e2", WEB_CASE, *CLOSE, code=1)
    assert said.startswith(f"Ada has closed {WEB_CASE} as benign: {TITLE}\n")
    assert f"Error: {DB_CASE}: Bob has closed this as benign" in said
    closings = [entry for entry in audit.newest(made.store, made.now()) if entry.action == audit.CASE_CLOSE]
    assert sorted(entry.about for entry in closings) == sorted([WEB_CASE, DB_CASE])


def test_the_list_goes_on_where_the_page_before_ended(side, cases):
    first = json.loads(cases("list", "--json", "--limit", "1"))
    assert [case["key"] for case in first["cases"]] == [WEB_CASE]
    assert keys(cases("list", "--json", "--limit", "1", "--page", first["next"])) == [DB_CASE]
    assert "there are more; the same command goes on with --page " in cases("list", "--limit", "1")
    assert "--page: " in cases("list", "--page", "nonsense", code=2)


def test_a_filter_without_an_index_reads_on_until_a_case_fits(side, cases):
    """The first page has only the case of web-01, which nobody has taken."""
    cases("ack", "e1", "--by", "Ada")
    assert keys(cases("list", "--json", "--state", "acknowledged", "--limit", "1")) == [DB_CASE]


def test_no_case_is_open(side, cases):
    for event in ("e1", "e2"):
        cases("close", event, "--by", "Ada", "--verdict", "benign", "--why", "a backup")
    assert cases("list") == "there are no open cases\n"
    assert cases("list", "--owner", "Bob") == "there are no such cases\n"


def test_options_that_do_not_go_together_are_refused(cases):
    assert "--since is for --state closed" in cases("list", "--since", "1d", code=2)
    assert "--owner does not go with --state closed" in cases(
        "list", "--state", "closed", "--owner", "Ada", code=2
    )


def test_a_case_goes_through_all_its_states(side, cases):
    made, _ = side
    assert cases("ack", "e2", "--by", "Ada") == f"Ada has taken {WEB_CASE}: {TITLE}\n"
    assert cases("release", "e2", "--by", "Bob") == f"Bob has given back {WEB_CASE}: {TITLE}\n"
    closed = cases("close", "e2", "--by", "Bob", "--verdict", "false_positive", "--why", "not\u202e real")
    assert closed == f"Bob has closed {WEB_CASE} as false positive: {TITLE}\n"
    assert made.ledger.cases.get(WEB_CASE).closure.why == "not real"
    assert cases("reopen", WEB_CASE, "--by", "Ada") == f"Ada has reopened {WEB_CASE}: {TITLE}\n"
    handled(made)
    told = [decoded(items.DeliverAlarm, item.body) for item in made.deliveries.claim(10, lease=60)]
    kinds = [content.alarm["event"]["kind"] for content in told]
    assert sorted(kinds) == sorted(["acknowledged", RELEASED, CLOSED, REOPENED])


def test_what_the_state_does_not_allow_fails_and_says_why(side, cases):
    assert "nobody has taken this\n" in cases("release", "e2", "--by", "Ada", code=1)
    assert "this is not closed\n" in cases("reopen", "e2", "--by", "Ada", code=1)
    cases("close", "e2", "--by", "Ada", "--verdict", "true_positive", "--why", "an attack")
    said = cases("ack", "e2", "--by", "Bob", code=1)
    assert said.startswith("Error: Ada has closed this as true positive, at 20")
    assert said.endswith("; reopen it first\n")
    assert "there is no case 'e9', and no event" in cases("close", "e9", *CLOSE, code=1)


CLOSE = ("--by", "Ada", "--verdict", "benign", "--why", "a backup")


def test_a_closing_needs_a_name_a_verdict_and_a_reason(cases):
    assert "Missing option '--verdict'" in cases("close", "e2", "--by", "Ada", "--why", "x", code=2)
    assert "Missing option '--why'" in cases("close", "e2", "--by", "Ada", "--verdict", "benign", code=2)
    assert "--why is empty" in cases("close", "e2", *CLOSE[:4], "--why", " ", code=2)
    assert "Missing option '--by'" in cases("close", "e2", *CLOSE[2:], code=2)


def test_the_name_may_come_from_the_environment(side, cases, monkeypatch):
    side[1]["HUNTBRIDGE_BY"] = "Ada"
    assert cases("ack", "e2").startswith("Ada has taken ")


def test_show_prints_the_case_and_everything_that_happened_in_order(side, cases):
    made, _ = side
    cases("ack", "e2", "--by", "Ada")
    cases("close", "e2", "--by", "Bob", "--verdict", "benign", "--why", "the nightly backup")
    handled(made)
    told(made, replace(alarm("e3", WEB, "web-01", Severity.MALICIOUS, 2), malicious=9))
    resending(made).send_again("e2", "slack", Person("Ada", "here"))
    shown = cases("show", "e2").splitlines()
    head, happened = shown[: shown.index("")], shown[shown.index("") + 1 :]
    assert head[:5] == [
        f"case         {WEB_CASE}",
        "title        9 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)",
        "state        open",
        "severity     malicious",
        f"system       web-01 {WEB.key}",
    ]
    assert "last alarm   2026-11-24 12:02 UTC, 2 alarms in all" in head
    assert "             5 × xmrig (malicious) /tmp/x" in head
    text = [line[21:] for line in happened]
    assert [
        word for line in text for word in ("taken by Ada", "closed as benign by Bob") if word in line
    ] == [
        "taken by Ada",
        "closed as benign by Bob",
    ]
    assert any(line.startswith("reopened by huntbridge from alarm e3, was closed as benign") for line in text)
    assert "event e2 sent again to slack by Ada from here" in text
    assert any(line.endswith("the nightly backup") for line in text)
    History(made.store, made.ledger).compare(alarm("e4", WEB, "web-01", Severity.MALICIOUS, 3))
    assert "first seen 2026-11-24 12:03 UTC, last seen 2026-11-24 12:03 UTC" in cases("show", "e2")
    document = json.loads(cases("show", WEB_CASE, "--json"))
    assert (document["case"]["key"], document["case"]["state"]) == (WEB_CASE, "open")
    assert len(document["timeline"]) == len(happened)


def test_show_of_a_closed_case_says_with_which_verdict(side, cases):
    cases("close", "e2", "--by", "Bob", "--verdict", "benign", "--why", "the nightly backup")
    state = next(line for line in cases("show", "e2").splitlines() if line.startswith("state"))
    assert state.startswith("state        closed as benign by Bob, at 20")
    assert state.endswith(" UTC: the nightly backup")
    assert "there is no case 'e9'" in cases("show", "e9", code=1)


def test_every_command_has_an_example(cases):
    for command in ("list", "show", "ack", "release", "close", "reopen"):
        assert f"huntbridge cases {command}" in cases(command, "--help")
