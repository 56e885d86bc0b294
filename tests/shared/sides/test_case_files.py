"""Who has a case, and when it is told again: the same on every side, however many ask at once."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm
from shared.models.cases import Case
from shared.models.events import Event
from shared.models.severity import Severity
from shared.storage.ledger.ledger import Ledger

CASE = "project/3/prod/us-east-1/i-0aaaaaaaaaaaaaaa1"


@pytest.fixture
def ledger(side) -> Ledger:
    return Ledger(side.store, side.now)


def file_of(side) -> Case:
    return Case(Alarm(Event("e1", "processing_with_alarms", side.now()), Severity.MALICIOUS), ("soc",))


def opened(ledger: Ledger, side) -> None:
    assert ledger.cases.change(CASE, lambda found: found or file_of(side)) is not None


def at_once(count: int, do) -> None:
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        do(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_eight_who_take_a_case_at_once_one_has_it_and_all_are_told_who(ledger, side):
    opened(ledger, side)
    held = {}

    def take(number: int) -> None:
        held[number] = ledger.cases.acknowledge(
            CASE, Acknowledgement(f"click-{number}", side.now(), f"a{number}")
        )

    at_once(8, take)
    assert len(held) == 8
    (one,) = set(held.values())
    assert ledger.cases.get(CASE).acknowledgement == one


def test_who_took_it_may_ask_again_and_is_the_same(ledger, side):
    opened(ledger, side)
    mine = Acknowledgement("click-1", side.now(), "<!channel> \u202e\U0001f512", "U012AB3CD")
    assert ledger.cases.acknowledge(CASE, mine) == mine
    assert ledger.cases.acknowledge(CASE, mine) == mine
    assert ledger.cases.acknowledge(CASE, replace(mine, id="click-2")) == mine
    assert Ledger(side.store, side.now).cases.get(CASE).acknowledgement == mine


def test_a_case_that_is_not_there_is_nobodys(ledger, side):
    assert ledger.cases.acknowledge(CASE, Acknowledgement("click-1", side.now(), "ada")) is None
    assert ledger.cases.get(CASE) is None


def test_alarms_and_an_acknowledgement_at_once_lose_nothing_of_each_other(ledger, side):
    opened(ledger, side)

    def change(number: int) -> None:
        if number == 0:
            ledger.cases.acknowledge(CASE, Acknowledgement("click-1", side.now(), "ada"))
        else:
            ledger.cases.change(CASE, lambda file: replace(file, told=(*file.told, f"d{number}")))

    at_once(6, change)
    file = ledger.cases.get(CASE)
    assert file.acknowledgement.by == "ada"
    assert sorted(file.told) == ["d1", "d2", "d3", "d4", "d5", "soc"]


def test_a_case_waits_from_its_first_alarm_on_until_it_is_taken(ledger, side):
    opened(ledger, side)
    began = side.now()
    ledger.cases.await_acknowledgement(CASE, 10 * side.unit)
    side.forward(side.unit)
    ledger.cases.await_acknowledgement(CASE, 10 * side.unit)
    (waiting,) = ledger.cases.unacknowledged()
    assert (waiting.case_key, waiting.reminded) == (CASE, 0)
    assert side.same(waiting.since, began)
    assert waiting.due - waiting.since == timedelta(seconds=10 * side.unit)
    ledger.cases.acknowledge(CASE, Acknowledgement("click-1", side.now(), "ada"))
    assert list(ledger.cases.unacknowledged()) == []


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
