"""Digests that are not due yet, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.models.active_hours import ActiveHours, Window
from shared.models.holds import Hold
from shared.storage.ledger.waiting_digests import WaitingDigests

AT = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
HOURS = ActiveHours((0, 1), (Window(480, 1080),), "Europe/Berlin")


@pytest.fixture
def times():
    return [AT]


def test_a_digest_waits_until_it_is_removed(side, times):
    waiting = WaitingDigests(side.store, lambda: times[-1])
    opening = Hold(until=AT + timedelta(days=1), hours=HOURS)
    hunt = Hold(hunt="weekly@2026-11-29T02:00:00Z", attempt=2)
    for hold in (opening, hunt):
        waiting.save("soc", hold)
    times.append(AT + timedelta(minutes=5))
    for hold in (opening, hunt):
        waiting.save("soc", hold)
    found = {each.hold: each.last_at for each in waiting.all()}
    assert found == {opening: AT, hunt: times[-1]}  # an opening does not depend on the last alarm
    for each in list(waiting.all()):
        waiting.remove(each)
    assert list(waiting.all()) == []
