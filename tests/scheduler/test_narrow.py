"""Runs that a person limits to some systems of a hunt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler.narrow import Narrow, time_beside_schedule
from scheduler.plan import prepare
from scheduler.start import start
from scheduler.targets import choose
from shared.models.hunts import HuntState
from shared.storage.ledger.hunts import Hunts
from tests.scheduler.staging import SUNDAY
from tests.scheduler.test_targets import EVERYWHERE, Fleet, Platform, chosen, left_out, machine

FLEET = Fleet(
    machine(1, name="web-1", tags={"Env": "prod", "Tier": "gold"}),
    machine(2, name="web-2", tags={"Env": "prod"}),
    machine(3, name="db-1", tags={"Env": "test"}),
    machine(4, tags={"Hunt": "skip", "Env": "prod"}),
)


@pytest.fixture
def stage(make_stage, monkeypatch):
    hunt = {
        "targets": [EVERYWHERE],
        "exclude": [{"tags": {"Hunt": "skip"}}],
        "schedule": "cron(0 2 ? * SUN *)",
    }
    made = make_stage((), hunt=hunt)
    monkeypatch.setattr(made.runtime, "make_fleet", lambda: FLEET)
    monkeypatch.setattr(made.runtime, "make_cado", lambda tries: Platform(()))
    return made


def narrowed(stage, *only, limit=None):
    definition = stage.runtime.config.hunts["weekly"]
    return choose(stage.runtime, definition, identity="x", narrow=Narrow.parse(only, limit))


@pytest.mark.parametrize(
    ("only", "limit", "expected"),
    [
        ((), None, [1, 2, 3]),
        (("Env=prod",), None, [1, 2]),
        (("Env=p*", "Tier=gold"), None, [1]),
        (("Env=prod", "Env=test"), None, [1, 2, 3]),
        (("name=web-?",), None, [1, 2]),
        (("name=i-00000000000000003",), None, [3]),
        (("kind=ec2",), None, [1, 2, 3]),
        (("kind=lambda",), None, []),
        (("env=prod",), None, []),
        ((), 2, [1, 2]),
        (("name=*-1",), 1, [1]),
    ],
)
def test_what_a_run_is_limited_to(stage, only, limit, expected):
    assert sorted(chosen(narrowed(stage, *only, limit=limit))) == expected


def test_what_is_left_out_says_so_and_the_plan_is_recorded_with_it(stage):
    narrow = Narrow.parse(["Env=prod"], 1)
    planned = prepare(stage.runtime, "weekly", SUNDAY + timedelta(seconds=5), narrow)
    hunt = start(stage.runtime, planned, retry_for=1)
    assert hunt.limited_to == "only Env=prod, at most 1 system"
    assert set(hunt.left_out) == {
        "1 left out: exclude[0]: tag Hunt is skip: i-00000000000000004",
        "1 left out: the run was limited to Env=prod: i-00000000000000003",
        "1 left out: the limit of this run is 1: in the order least_recently_hunted others come first: "
        "i-00000000000000002",
    }


def test_max_systems_does_not_take_the_places_of_those_that_are_wanted(make_stage, monkeypatch):
    made = make_stage((), hunt={"targets": [EVERYWHERE], "max_systems": 1})
    monkeypatch.setattr(made.runtime, "make_fleet", lambda: FLEET)
    monkeypatch.setattr(made.runtime, "make_cado", lambda tries: Platform(()))
    selection = narrowed(made, "name=db-1")
    assert chosen(selection) == [3]
    assert left_out(narrowed(made, limit=2))[2].startswith("max_systems is 1")


@pytest.mark.parametrize("text", ["Env", "=prod", "Env=", "kind=ec3"])
def test_what_is_no_condition(text):
    with pytest.raises(ValueError, match=r"condition|kind"):
        Narrow.parse([text], None)


def test_a_limited_run_takes_no_time_of_the_schedule_or_of_another_run(stage):
    runtime, definition = stage.runtime, stage.runtime.config.hunts["weekly"]
    at = time_beside_schedule(runtime.ledger, "weekly", definition, SUNDAY)
    assert at == SUNDAY + timedelta(seconds=1)
    start(runtime, prepare(runtime, "weekly", at, Narrow(limit=1)), retry_for=1)
    assert time_beside_schedule(runtime.ledger, "weekly", definition, at) == at + timedelta(seconds=1)


def test_later_runs_are_not_compared_with_it(stage):
    runtime = stage.runtime
    hunts: Hunts = runtime.ledger.hunts
    whole, part = (
        start(runtime, prepare(runtime, "weekly", SUNDAY + timedelta(seconds=n), narrow), retry_for=1)
        for n, narrow in ((0, Narrow()), (1, Narrow(limit=1)))
    )
    for hunt in (whole, part):
        hunts.end(hunt.id, HuntState.FINISHED)
    later = prepare(runtime, "weekly", SUNDAY + timedelta(days=7)).hunt
    before = hunts.finished_before(later)
    assert before is not None
    assert before.id == whole.id
