"""A mute is added and ended in one way, whoever asks for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from receiver.assemble import muting
from shared.models.mutes import Mute, MuteMatch
from shared.models.people import Person
from shared.queues import items
from shared.storage import audit
from shared.storage.ledger import mutes
from shared.storage.ledger.mutes import MuteRefused
from tests.queue_items import decoded


@pytest.fixture
def runtime(stage):
    return stage.runtime


@pytest.fixture
def mute(runtime):
    now = runtime.now()
    return Mute("7c0d", MuteMatch(instance=("build-*",)), now + timedelta(7), "Ada", "builds", now, "here")


def raised(runtime):
    claimed = runtime.events.claim(10, lease=60)
    return [decoded(items.OwnEvent, item.body).event["kind"] for item in claimed]


def entries(runtime):
    found = audit.newest(runtime.store, runtime.now())
    return [entry for entry in found if entry.action in (audit.MUTE_ADD, audit.MUTE_END)]


def test_a_mute_is_stored_told_and_logged_once(runtime, mute):
    made = muting(runtime)
    assert made.add(mute) == mute
    later = replace(mute, at=mute.at + timedelta(seconds=1))
    assert made.add(later) == mute, "a form that is sent twice"
    assert runtime.ledger.mutes.stored() == [mute]
    assert raised(runtime) == ["muted"]
    (entry,) = entries(runtime)
    assert (entry.by, entry.origin, entry.about) == ("Ada", "here", "mute 7c0d")
    assert entry.after["match"] == "instance build-*"


def test_what_is_refused_is_told_to_nobody(runtime, mute, monkeypatch):
    made = muting(runtime)
    made.add(mute)
    raised(runtime)
    monkeypatch.setattr(mutes, "MOST", 1)
    for refused, why in (
        (replace(mute, id="2", match=MuteMatch()), "nearly every alarm"),
        (replace(mute, id="2", why=" "), "the reason is empty"),
        (replace(mute, id="2"), "there are 1 mutes, which is the most"),
    ):
        with pytest.raises(MuteRefused, match=why):
            made.add(refused)
    assert raised(runtime) == []
    assert runtime.ledger.mutes.stored() == [mute]
    assert len(entries(runtime)) == 1


def test_the_end_of_a_mute(runtime, mute):
    made = muting(runtime)
    made.add(mute)
    with pytest.raises(MuteRefused, match="the name is missing"):
        made.end("7c0d", Person(" ", "here"))
    assert made.end("7c0d", Person("Cy", "there"), "enough") == mute
    with pytest.raises(MuteRefused, match="there is no stored mute 7c0d"):
        made.end("7c0d", Person("Cy", "there"))
    assert runtime.ledger.mutes.stored() == []
    (ended,) = (entry for entry in entries(runtime) if entry.action == audit.MUTE_END)
    assert (ended.action, ended.by, ended.origin) == (audit.MUTE_END, "Cy", "there")
    assert ended.before["match"] == "instance build-*"
    assert ended.after == {"ended_by": "Cy", "why": "enough"}
