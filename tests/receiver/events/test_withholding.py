"""A muted event is recorded with its mute and counted, and nobody is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.models.mutes import Mute, MuteMatch
from shared.storage.ledger.mutes import MOST, MuteRefused
from tests.receiver.conftest import START

LOGIN = b'{"event": "admin_login", "title": "LOGIN", "message": "Ada logged in"}'


def mute(until=START + timedelta(hours=1)):
    return Mute("m1", MuteMatch(event=("admin_login",)), until, "Ada", "drill", START, "a test")


def test_a_muted_event_is_recorded_and_not_sent(stage):
    mutes = stage.runtime.ledger.mutes
    mutes.add(mute())
    id = stage.receive(LOGIN)
    stage.run()
    assert stage.soc.sent == stage.office.sent == []
    assert stage.living() == 0
    detail = stage.runtime.queries.events.get(id)
    assert (detail.row.to, detail.row.mute) == ((), "m1")
    assert detail.alarm.event.id == id
    mutes.hit("m1", id)  # a repeat of the event
    assert (mutes.hits("m1").count, mutes.hits("m1").last) == (1, stage.moment)


def test_after_its_end_the_next_event_is_told(stage):
    stage.runtime.ledger.mutes.add(mute())
    stage.forward(3_600)
    stage.receive(LOGIN)
    stage.run()
    assert len(stage.soc.sent) == 1


def test_there_is_a_most_of_stored_mutes(stage):
    mutes = stage.runtime.ledger.mutes
    for number in range(MOST):
        mutes.add(replace(mute(), id=f"m{number}"))
    with pytest.raises(MuteRefused, match="200 mutes"):
        mutes.add(replace(mute(), id="one more"))
    assert mutes.add(mute()) == mute()  # it is there already
    mutes.end("m1")
    mutes.add(replace(mute(), id="one more"))
    stage.forward(3_600)
    mutes.add(replace(mute(stage.moment + timedelta(hours=1)), id="later"))
    assert [known.id for known in mutes.stored()] == ["later"]
    with pytest.raises(MuteRefused, match="no stored mute m1"):
        mutes.end("m1")
