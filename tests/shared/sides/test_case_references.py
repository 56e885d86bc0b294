"""Which delivery may open a case at a destination: the same on every side, however many ask at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.storage.ledger.case_references import CaseAccess, CaseReferences
from tests.shared.sides.together import at_once

CASE, DESTINATION = "project/3/prod/us-east-1/i-0aaaaaaaaaaaaaaa1", "tickets"


@dataclass
class Clock:
    moment: datetime = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def references(side, clock) -> CaseReferences:
    return CaseReferences(side.store, clock)


def acquire(references: CaseReferences, lease: str, *, alone: bool = False) -> CaseAccess:
    return references.acquire(CASE, DESTINATION, lease, 60, alone=alone)


def test_of_eight_deliveries_one_opens_the_case_and_the_others_wait(references):
    answers = {}

    def ask(number: int) -> None:
        answers[number] = acquire(references, f"lease-{number}")

    at_once(8, ask)
    (opener,) = [number for number, access in answers.items() if access.exclusive]
    assert answers.pop(opener) == CaseAccess(exclusive=True)
    assert list(answers.values()) == [CaseAccess(wait=60)] * 7
    references.release(CASE, DESTINATION, f"lease-{opener}", ref="SEC-1")
    assert references.get(CASE, DESTINATION) == "SEC-1"
    assert acquire(references, "next") == CaseAccess(ref="SEC-1")


def test_each_destination_has_its_own_reference(references):
    references.release(CASE, DESTINATION, "one", ref="SEC-1")
    assert references.get(CASE, "soc") == ""
    assert references.acquire(CASE, "soc", "one", 60) == CaseAccess(exclusive=True)


def test_a_delivery_that_failed_lets_the_next_one_try(references):
    acquire(references, "one")
    references.release(CASE, DESTINATION, "another lease")  # changes nothing
    assert acquire(references, "two") == CaseAccess(wait=60)
    references.release(CASE, DESTINATION, "one")
    assert acquire(references, "two") == CaseAccess(exclusive=True)


def test_a_delivery_that_crashed_leaves_the_case_in_doubt(references, clock):
    acquire(references, "one")
    clock.forward(59)
    assert acquire(references, "two") == CaseAccess(wait=1)
    clock.forward(1)
    assert acquire(references, "two") == CaseAccess(exclusive=True, unsure=True)
    references.release(CASE, DESTINATION, "one", ref="SEC-1")  # it had not crashed: what it opened counts
    assert acquire(references, "three") == CaseAccess(ref="SEC-1")


def test_a_delivery_without_an_answer_holds_the_case_until_the_case_can_be_found(references, clock):
    acquire(references, "one")
    references.release(CASE, DESTINATION, "one", unsure=True, hold=30)
    assert acquire(references, "two") == CaseAccess(wait=30)
    clock.forward(30)
    assert acquire(references, "two") == CaseAccess(exclusive=True, unsure=True)


def test_an_edit_waits_for_the_delivery_before_it(references):
    references.release(CASE, DESTINATION, "one", ref="SEC-1")
    assert acquire(references, "two", alone=True) == CaseAccess(ref="SEC-1", exclusive=True)
    assert acquire(references, "three", alone=True) == CaseAccess(wait=60)
    assert acquire(references, "four") == CaseAccess(ref="SEC-1")  # a plain follow-up does not wait
    references.release(CASE, DESTINATION, "two")
    assert acquire(references, "three", alone=True) == CaseAccess(ref="SEC-1", exclusive=True)


def test_a_crash_while_a_closed_case_is_opened_again_leaves_it_in_doubt(references, clock):
    references.release(CASE, DESTINATION, "one", ref="SEC-1")
    references.close(CASE, DESTINATION, "SEC-9")  # not the reference that it has
    assert acquire(references, "two") == CaseAccess(ref="SEC-1")
    references.close(CASE, DESTINATION, "SEC-1")
    assert acquire(references, "two") == CaseAccess(ref="SEC-1", exclusive=True)
    references.close(CASE, DESTINATION, "SEC-1")  # another delivery noticed it too
    assert acquire(references, "three").wait == 60
    clock.forward(61)
    assert acquire(references, "three") == CaseAccess(ref="SEC-1", exclusive=True, unsure=True)
    references.release(CASE, DESTINATION, "three")  # it sent nothing
    assert acquire(references, "four") == CaseAccess(ref="SEC-1", exclusive=True, unsure=True)
    references.release(CASE, DESTINATION, "four", ref="SEC-2")
    assert acquire(references, "five") == CaseAccess(ref="SEC-2")


def test_a_clock_that_was_set_back_does_not_hold_a_case(references, clock):
    assert acquire(references, "one").exclusive
    assert acquire(references, "two").wait == 60
    clock.forward(-86_400)
    access = acquire(references, "two")
    assert (access.exclusive, access.unsure) == (True, True)
