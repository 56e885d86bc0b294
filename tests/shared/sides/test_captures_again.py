"""How often people may have a system captured again: the same on every side, however many ask at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.config.capture_again import CaptureAgainConfig
from shared.models.captures_again import AgainRefused
from shared.storage.ledger.captures_again import CapturesAgain
from tests.shared.sides.together import at_once

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_of_eight_who_ask_at_once_as_many_as_are_allowed_get_one(side):
    limits = CaptureAgainConfig(per_day=3, per_system=0)
    moment = [NOON]
    again = CapturesAgain(side.store, lambda: moment[0])
    answers = {}

    def ask(number: int) -> None:
        try:
            again.take(f"-/us-east-1/i-{number}", f"again-{number}@2026-11-22T12:00:00Z", limits)
        except AgainRefused as refused:
            answers[number] = str(refused)
        else:
            answers[number] = ""

    at_once(8, ask)
    assert sorted(answers.values()) == [""] * 3 + ["the limit of 3 for one day is reached"] * 5
    taken = next(number for number, answer in answers.items() if not answer)
    ask(taken)  # the same run again
    assert answers[taken] == ""
    moment[0] += timedelta(days=1)
    ask(9)
    assert answers[9] == ""


def test_one_system_has_a_pause(side):
    limits = CaptureAgainConfig(per_system=7_200)
    moment = [NOON]
    again = CapturesAgain(side.store, lambda: moment[0])
    again.take("-/us-east-1/i-1", "again-1@2026-11-22T12:00:00Z", limits)
    moment[0] += timedelta(hours=1)
    with pytest.raises(AgainRefused, match="again-1 of 2026-11-22 12:00 UTC was of the same system"):
        again.take("-/us-east-1/i-1", "again-1@2026-11-22T13:00:00Z", limits)
    moment[0] += timedelta(hours=1)
    again.take("-/us-east-1/i-1", "again-1@2026-11-22T14:00:00Z", limits)
