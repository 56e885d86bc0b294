"""Hunts that begin when another one has ended."""

from __future__ import annotations

import pytest

from scheduler.stop import stop_hunt
from shared.config.config import Config
from shared.models.hunts import HuntState
from tests.scheduler.staging import BROKEN, QUIET


@pytest.fixture
def make(make_stage):
    def stage(*fleet, after="weekly", **options):
        made = make_stage(fleet or (QUIET,), **options)
        given = made.runtime.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
        given["hunts"]["deep"] = {**given["hunts"]["weekly"], "after": after}
        made.runtime.config = Config.model_validate(given)
        return made

    return stage


def follower(stage):
    return stage.runtime.ledger.hunts.get("deep@2026-11-29T02:00:00Z")


def missed(stage):
    return [event.text for event in stage.events() if event.kind == "hunt_missed"]


def test_a_hunt_begins_when_the_one_before_it_has_ended(make):
    stage = make()
    stage.start()
    stage.work()
    assert follower(stage) is None
    stage.run_to_end()
    stage.forward(7_200)  # however late
    stage.run_to_end()
    assert follower(stage).state is HuntState.FINISHED
    assert follower(stage).trigger == "the end of weekly@2026-11-29T02:00:00Z"
    assert stage.platform.asked == {QUIET.instance_id: 2}


def test_an_end_that_is_handled_twice_starts_it_once(make):
    stage = make()
    hunt = stage.start()
    stage.run_to_end()
    stage.runtime.ledger.hunts.reopen(stage.hunt())
    stage.run_to_end()
    stage.run_to_end()
    assert len(stage.runtime.ledger.hunts.of_name("deep")) == 1
    assert stage.runtime.ledger.hunts.get(hunt.id).over


@pytest.mark.parametrize(("even_if", "begins"), [(None, False), ("failed", True)])
def test_after_a_hunt_that_captured_nothing_it_begins_only_if_that_is_wanted(make, even_if, begins):
    stage = make(BROKEN, after={"hunt": "weekly", "even_if": even_if})
    stage.start()
    stage.run_to_end()
    assert stage.hunt().state is HuntState.EMPTY
    assert (follower(stage) is not None) is begins
    told = missed(stage)
    assert bool(told) is not begins
    if told:
        assert told == [
            "It begins after weekly@2026-11-29T02:00:00Z, which ended with “nothing captured”: "
            "Error: Snapshot failed: the KMS key is disabled"
        ]


def test_after_a_stopped_hunt_it_does_not_begin(make):
    stage = make()
    hunt = stage.start()
    stop_hunt(stage.runtime, hunt.id, by="ada")
    stage.run_to_end()
    assert stage.hunt().state is HuntState.STOPPED
    assert (follower(stage), missed(stage)) == (None, [])
