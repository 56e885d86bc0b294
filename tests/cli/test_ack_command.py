"""`huntbridge ack`: who has no button takes a case all the same, on this machine and on AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cli.main import main
from receiver.assemble import case_actions, case_lifecycle
from shared.models.alarms import Alarm
from shared.models.event_kinds import ACKNOWLEDGED
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import Instance
from shared.queues import items
from shared.queues.worker import work
from tests.cli.conftest import Side
from tests.queue_items import decoded

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALARM = Alarm(
    Event("e1", "processing_with_alarms", NOON, text="ALARMS", project_id=3, evidence_id=4),
    Severity.MALICIOUS,
    malicious=5,
    instance=Instance("i-0aaaaaaaaaaaaaaa1", "us-east-1", name="web-01"),
)
CASE = "project/3/evidence/4"
TITLE = "5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"


@pytest.fixture
def side(empty_side: Side) -> Side:
    """A side on which one alarm was told."""
    made, _ = empty_side
    case_lifecycle(made).add(ALARM, ["slack"])
    made.ledger.events.record_routed(ALARM.event, ALARM.severity, ["slack"], case=ALARM.case_key)
    return empty_side


@pytest.fixture
def ack(side: Side) -> Callable[..., str]:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["ack", *arguments], env=side[1], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return run


@pytest.mark.parametrize("case", ["e1", CASE])
def test_a_case_is_acknowledged_by_its_key_or_by_one_of_its_events(side, ack, case):
    made, _ = side
    assert ack(case, "--by", "Ada \u202eLovelace") == f"Ada Lovelace has taken {CASE}: {TITLE}\n"
    assert made.ledger.cases.get(CASE).acknowledgement.by == "Ada Lovelace"

    actions = case_actions(made, case_lifecycle(made))
    (item,) = made.events.claim(10, lease=60)
    content = decoded(items.AcknowledgeCase, item.body)
    actions.acknowledge(content)
    actions.acknowledge(content)
    told = {delivery.id: json.loads(delivery.body) for delivery in made.deliveries.claim(10, lease=60)}
    assert list(told) == [f"{ACKNOWLEDGED}:{CASE}:slack"]
    (body,) = told.values()
    assert (body["destination"], body["alarm"]["taken"]["by"]) == ("slack", "Ada Lovelace")
    assert made.ledger.events.case_of(f"{ACKNOWLEDGED}:{CASE}") == CASE


def test_a_second_acknowledgement_fails_and_names_the_first(side, ack):
    made, _ = side
    ack("e1", "--by", "Ada")
    said = ack("e1", "--by", "Bob", code=1)
    assert said.startswith("Error: Ada has taken this already, at 20")
    assert made.ledger.cases.get(CASE).acknowledgement.by == "Ada"
    assert made.events.depth().living == 1


def test_an_unknown_case_is_an_error(side, ack):
    said = ack("e2", "--by", "Ada", code=1)
    assert said.startswith("Error: there is no case 'e2', and no event of that id whose case could be taken")
    assert side[0].events.depth().living == 0


def test_a_name_is_required(ack):
    assert "Missing option '--by'" in ack("e1", code=2)
    assert "--by is empty" in ack("e1", "--by", " \u200b", code=1)


def test_a_worker_handles_the_item_of_the_command(side, ack):
    made, _ = side
    ack("e1", "--by", "Ada")
    handled = []

    def handle(item):
        content = decoded(items.AcknowledgeCase, item.body)
        handled.append(content.case_key)
        return case_actions(made, case_lifecycle(made)).acknowledge(content)

    work(made.events, handle, lease=60)
    assert handled == [CASE]
    assert made.events.depth().living == 0


@pytest.fixture
def more(side):
    """A second event of the same case, and two of another one."""
    made, _ = side
    other = "project/31/evidence/5"
    for id, key in (("e12", CASE), ("f1", other), ("f2", other), ("g3", CASE), ("g4", other)):
        event = replace(ALARM.event, id=id, project_id=31 if key == other else 3, evidence_id=5)
        made.ledger.events.record_routed(event, ALARM.severity, ["slack"], case=key)
    case_lifecycle(made).add(
        replace(ALARM, event=replace(ALARM.event, id="f1", project_id=31, evidence_id=5)), ["slack"]
    )


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("e1", CASE),  # whole, though it begins another one
        ("e", CASE),  # two events of one case
        ("e12", CASE),
        ("f", "project/31/evidence/5"),
        ("project/31", "project/31/evidence/5"),
        ("project/3/", CASE),
    ],
)
def test_a_unique_beginning_is_enough(side, ack, more, given, key):
    assert f"has taken {key}:" in ack(given, "--by", "Ada")


@pytest.mark.parametrize(
    ("given", "candidates"),
    [("g", ["g3", "g4"]), ("project/3", [CASE, "project/31/evidence/5"])],
)
def test_an_ambiguous_beginning_is_an_error_that_lists_the_candidates(side, ack, more, given, candidates):
    said = ack(given, "--by", "Ada", code=2)
    assert f"'{given}' is the beginning of several events and cases" in said
    assert said.splitlines()[-len(candidates) :] == [f"  {candidate}" for candidate in candidates]
    assert side[0].events.depth().living == 0
