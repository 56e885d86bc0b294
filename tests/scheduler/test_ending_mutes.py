"""A mute is told of a day before it ends, once, with what it has covered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.ending_mutes import tell_ending_mutes
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.codec import load as load_model
from shared.models.events import Event
from shared.models.mutes import Mute, MuteMatch
from shared.queues import items

START = datetime(2026, 11, 29, 9, 0, tzinfo=UTC)
CONFIG = """\
platform: {url: "https://cado.example", api_key: env:KEY}
destinations:
  soc: {type: slack, webhook_url: env:SLACK}
default: soc
mutes:
  - {match: {hunt: drill}, at: 2026-11-20, until: 2026-12-20, by: ada, why: a drill}
"""
ENVIRON = {"KEY": "k", "SLACK": "https://hooks.slack.com/services/T/B/X"}


class Days:
    def __init__(self, made: runtime.Runtime) -> None:
        self.runtime, self.moment = made, START
        made.now = lambda: self.moment

    def run(self, **later: int) -> list[Event]:
        """The events that the job raises so much later."""
        self.moment += timedelta(**later)
        tell_ending_mutes(self.runtime)
        claimed = self.runtime.events.claim(10, lease=60)
        assert all(self.runtime.events.done(item) for item in claimed)
        raised = [items.decode(item.body) for item in claimed]
        return [load_model(Event, each.event) for each in raised if isinstance(each, items.OwnEvent)]

    def mute(self, days: int, **settings: bool) -> None:
        match = MuteMatch(instance=("build-*",))
        mute = Mute("7c0d", match, START + timedelta(days=days), "ada", "builds", START, "test", **settings)
        self.runtime.ledger.mutes.add(mute)


@pytest.fixture
def days(tmp_path) -> Days:
    (tmp_path / "huntbridge.yaml").write_text(CONFIG)
    config = load(str(tmp_path / "huntbridge.yaml"), ENVIRON)
    return Days(runtime.local(config, tmp_path / "data", ENVIRON))


def test_a_stored_mute_is_told_of_once_on_its_last_day(days):
    days.mute(7)
    days.runtime.ledger.mutes.hit("7c0d", "e1")
    assert days.run() == []
    assert days.run(days=5, hours=23) == []
    (event,) = days.run(hours=1)
    assert (event.kind, event.title) == ("mute_ending", "instance build-*")
    assert event.text.splitlines() == [
        "until: 2026-12-06 09:00 UTC",
        "by: ada",
        "why: builds",
        "covered: 1 alarm",
        "mute: 7c0d",
    ]
    assert days.run(hours=1) == []
    assert days.run(days=2) == []


def test_a_mute_of_the_configuration_is_told_of_as_well(days):
    assert days.run(days=19, hours=14) == []
    (event,) = days.run(hours=2)
    assert event.title == "hunt drill"
    assert "by: ada" in event.text


def test_a_mute_for_a_day_ends_without_a_word(days):
    days.mute(1)
    assert days.run(hours=20) == []


def test_a_mute_that_was_ended_by_a_person_is_not_told_of(days):
    days.mute(7)
    days.runtime.ledger.mutes.end("7c0d")
    assert days.run(days=6, hours=12) == []
