"""Who has acknowledged a case, and when people are reminded of it: the same on every side, however many ask
at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm
from shared.models.case_states import DecisionRefused, UnknownCase
from shared.models.cases import Case
from shared.models.decisions import Action, CaseDecision
from shared.models.events import Event
from shared.models.severity import Severity
from shared.storage.ledger.ledger import Ledger
from tests.shared.sides.conftest import Side
from tests.shared.sides.together import at_once

CASE = "project/3/prod/us-east-1/i-0aaaaaaaaaaaaaaa1"


@pytest.fixture
def ledger(side) -> Ledger:
    return Ledger(side.store, side.now)


@pytest.fixture
def opened(ledger: Ledger, side: Side) -> Ledger:
    """A ledger with a case that nobody has acknowledged."""
    alarm = Alarm(Event("e1", "processing_with_alarms", side.now()), Severity.MALICIOUS)
    assert ledger.cases.change(CASE, lambda case: case or Case(alarm, ("soc",))) is not None
    return ledger


def acknowledge(side: Side, id: str, by: str = "ada") -> CaseDecision:
    return CaseDecision(id, Action.ACKNOWLEDGE, by, side.now())


def test_of_eight_that_acknowledge_at_once_the_first_counts_and_all_get_it(opened, side):
    answers: dict[int, Case] = {}
    refused: dict[int, DecisionRefused] = {}

    def take(number: int) -> None:
        try:
            answers[number] = opened.cases.decide(CASE, acknowledge(side, f"click-{number}", f"a{number}"))
        except DecisionRefused as late:
            refused[number] = late

    at_once(8, take)
    ((first, case),) = answers.items()
    assert case.last_decision == f"click-{first}"
    assert opened.cases.get(CASE).acknowledgement == case.acknowledgement
    assert len(refused) == 7
    for late in refused.values():
        assert str(late).startswith(f"a{first} has taken this already, at ")
        assert late.case == case


def test_an_acknowledgement_may_be_repeated(opened, side):
    name = "<!channel> \u202e\U0001f512"
    mine = replace(acknowledge(side, "click-1", name), slack="U012AB3CD")
    taken = Acknowledgement("click-1", mine.at, name, "U012AB3CD")
    assert opened.cases.decide(CASE, mine).acknowledgement == taken
    assert opened.cases.decide(CASE, mine).acknowledgement == taken
    with pytest.raises(DecisionRefused):
        opened.cases.decide(CASE, replace(mine, id="click-2"))
    case = Ledger(side.store, side.now).cases.get(CASE)
    assert case
    assert case.acknowledgement == taken
    assert case.decisions == (replace(mine, after=""),)


def test_an_unknown_case_cannot_be_acknowledged(ledger, side):
    with pytest.raises(UnknownCase):
        ledger.cases.decide(CASE, acknowledge(side, "click-1"))
    assert ledger.cases.get(CASE) is None


def test_alarms_and_an_acknowledgement_at_once_are_all_kept(opened, side):
    def change(number: int) -> None:
        if number == 0:
            opened.cases.decide(CASE, acknowledge(side, "click-1"))
        else:
            opened.cases.change(CASE, lambda case: replace(case, told=(*case.told, f"d{number}")))

    at_once(6, change)
    case = opened.cases.get(CASE)
    assert case.acknowledgement.by == "ada"
    assert sorted(case.told) == ["d1", "d2", "d3", "d4", "d5", "soc"]


def test_a_case_waits_from_its_first_alarm_until_it_is_acknowledged(opened, side):
    began = side.now()
    opened.cases.await_acknowledgement(CASE, 10 * side.unit)
    side.forward(side.unit)
    opened.cases.await_acknowledgement(CASE, 10 * side.unit)
    (waiting,) = opened.cases.unacknowledged()
    assert (waiting.case_key, waiting.reminded) == (CASE, 0)
    assert side.same(waiting.since, began)
    assert waiting.due - waiting.since == timedelta(seconds=10 * side.unit)
    opened.cases.decide(CASE, acknowledge(side, "click-1"))
    assert list(opened.cases.unacknowledged()) == []


def test_an_escalation_counts_from_its_beginning_until_somebody_takes_the_case(opened, side):
    began = side.now()
    opened.cases.start_escalation(CASE)
    side.forward(side.unit)
    opened.cases.start_escalation(CASE)
    (case,) = opened.cases.escalating()
    assert (case.case_key, case.steps) == (CASE, 0)
    assert side.same(case.since, began)
    opened.cases.record_steps(case, since=case.since, steps=2)
    opened.cases.record_steps(case, since=case.since, steps=1)  # by a timer that was too late
    (case,) = opened.cases.escalating()
    assert case.steps == 2
    again = side.now()
    opened.cases.start_escalation(CASE, anew=True)
    (case,) = opened.cases.escalating()
    assert case.steps == 0
    assert side.same(case.since, again)
    opened.cases.decide(CASE, acknowledge(side, "click-1"))
    assert list(opened.cases.escalating()) == []


def test_of_eight_timers_one_counts_a_reminder(ledger, side):
    ledger.cases.await_acknowledgement(CASE, side.unit)
    (waiting,) = ledger.cases.unacknowledged()
    dues = [waiting.due + timedelta(seconds=60 + number) for number in range(8)]
    at_once(8, lambda number: ledger.cases.record_reminder(waiting, dues[number]))
    (after,) = ledger.cases.unacknowledged()
    assert (after.reminded, after.version) == (1, waiting.version + 1)
    assert after.due in dues
    ledger.cases.record_reminder(waiting, waiting.due)
    assert list(ledger.cases.unacknowledged()) == [after]
    ledger.cases.record_reminder(after, None)
    assert list(ledger.cases.unacknowledged()) == []
