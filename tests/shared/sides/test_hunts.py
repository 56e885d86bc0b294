"""Which hunt and which worker may begin: the same on every side, however many ask at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt, HuntState, hunt_name, hunt_time
from shared.models.systems import System
from shared.storage.ledger.ledger import Ledger
from tests.shared.sides.together import at_once

SUNDAY = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
HUNTS = [Hunt("weekly", SUNDAY + timedelta(days=7 * week)) for week in range(4)]
WEB = System("i-0123456789abcdef0", "us-east-1")


@pytest.fixture
def moment() -> list[datetime]:
    return [SUNDAY]


@pytest.fixture
def ledger(side, moment) -> Ledger:
    return Ledger(side.store, lambda: moment[0])


def test_a_hunt_is_known_by_its_name_and_time():
    assert (hunt_name(HUNTS[0].id), hunt_time(HUNTS[0].id)) == ("weekly", "2026-11-22T02:00:00Z")


def test_of_four_hunts_of_one_name_one_has_the_turn_until_it_is_over(ledger):
    for hunt in HUNTS:
        ledger.hunts.open(hunt)
    answers = {}

    def take(number: int) -> None:
        answers[number] = ledger.hunts.take_turn(HUNTS[number])

    at_once(4, take)
    (first,) = [hunt for hunt in answers.values() if hunt]
    assert first.began_at == SUNDAY
    assert ledger.hunts.last_turn("weekly") == first.id
    others = [hunt for hunt in HUNTS if hunt.id != first.id]
    assert ledger.hunts.take_turn(others[0]) is None
    assert ledger.hunts.take_turn(first) == first
    ledger.hunts.end(first.id, HuntState.FINISHED)
    assert ledger.hunts.take_turn(others[0]).id == others[0].id
    assert ledger.hunts.take_turn(others[1]) is None


def test_of_eight_hunts_about_one_system_one_begins_in_a_period(ledger, moment):
    answers = {}

    def begin(number: int) -> None:
        answers[f"hunt-{number}"] = ledger.hunts.begin_quiet_period(
            "guardduty", WEB.key, f"hunt-{number}", 60
        )

    at_once(8, begin)
    (first,) = [hunt_id for hunt_id, earlier in answers.items() if not earlier]
    assert set(answers.values()) == {"", first}
    assert ledger.hunts.begin_quiet_period("guardduty", WEB.key, first, 60) == ""
    moment[0] += timedelta(seconds=59)
    assert ledger.hunts.begin_quiet_period("guardduty", WEB.key, "later", 60) == first
    moment[0] += timedelta(seconds=1)
    assert ledger.hunts.begin_quiet_period("guardduty", WEB.key, "later", 60) == ""


def test_of_eight_workers_one_claims_a_capture(ledger):
    capture = ledger.captures.plan(Capture(HUNTS[0].id, WEB))
    claimed = []

    def claim(number: int) -> None:
        if ledger.captures.claim(capture, state=CaptureState.UNKNOWN, attempt=number):
            claimed.append(number)

    at_once(8, claim)
    assert len(claimed) == 1
    assert ledger.captures.get(HUNTS[0].id, WEB) == replace(
        capture, state=CaptureState.UNKNOWN, attempt=claimed[0]
    )
    assert not ledger.captures.claim(Capture(HUNTS[1].id, WEB), state=CaptureState.UNKNOWN)  # not recorded


def test_changes_at_once_lose_nothing_of_each_other(ledger):
    ledger.hunts.open(HUNTS[0])
    at_once(
        8,
        lambda number: ledger.hunts.change(
            HUNTS[0].id, lambda hunt: replace(hunt, problems=(*hunt.problems, str(number)))
        ),
    )
    assert sorted(ledger.hunts.get(HUNTS[0].id).problems) == [str(number) for number in range(8)]
    with pytest.raises(KeyError):
        ledger.hunts.change(HUNTS[1].id, lambda hunt: hunt)
