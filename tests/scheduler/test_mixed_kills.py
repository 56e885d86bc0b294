"""Killed at any moment and started again, a hunt asks for each system of every kind exactly once, whether the
platform's pipelines have the names of their systems or not."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from demo.platform.records import Machine
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.hunts import HuntState
from tests.scheduler.killing import KILLS, Fuse, seeded, story
from tests.scheduler.mixed import ACCOUNTS, azure, function, google, instance, pod, targets, task
from tests.scheduler.staging import Stage

FLEETS: dict[str, tuple[Machine, ...]] = {
    "mixed": (azure("web-1"), instance(1), google("shop-1"), task("t-1"), function("billing")),
    "azure_vm": (azure("web-1"), azure("web-10"), azure("db-1")),
    "gce": (google("shop-1"), google("shop-10"), google("shop")),
    "ecs": (task("t-1"), task("t-1", "log"), task("t-2")),
    "eks": (pod("web-x2x4q"), pod("web-x2x4q", "log"), pod("web-z7z8w")),
}
SEED = 4


@pytest.fixture
def make(make_stage, tmp_path, monkeypatch):
    def run(fleet: tuple[Machine, ...], *, named: bool, at: int = 0) -> tuple[Stage, Fuse, int]:
        hunt: dict[str, Any] = {"targets": targets(fleet), "max_in_flight": 2}
        stage: Stage = make_stage(
            fleet,
            hunt=hunt,
            accounts=ACCOUNTS,
            rng=random.Random(SEED),
            clock=lambda: stage.moment.timestamp(),
        )
        stage.platform.named_pipelines = named
        fuse = Fuse()
        fuse.at = at
        return stage, fuse, story(stage, tmp_path / "huntbridge.db", fuse, monkeypatch)

    return run


def check(stage: Stage, fleet: tuple[Machine, ...]) -> None:
    assert stage.platform.asked == Counter(machine.instance_id for machine in fleet)
    assert len(stage.platform.world.projects) == 1
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.states() == [CaptureState.PROCESSED] * len(fleet)
    assert [event.id for event in stage.events()] == [f"{HUNT_FINISHED}:weekly@2026-11-29T02:00:00Z"]


STEPS_OF_MIXED, STEPS = 320, 200  # at least so many have the whole stories


def test_the_whole_story_without_a_kill(make):
    stage, fuse, processes = make(FLEETS["mixed"], named=True)
    assert processes == 1
    assert fuse.steps >= STEPS_OF_MIXED
    check(stage, FLEETS["mixed"])


@pytest.mark.parametrize("seed", range(1, KILLS, 5))
def test_killed_and_started_again(make, seed):
    stage, _, processes = make(FLEETS["mixed"], named=False, at=seeded(seed, STEPS_OF_MIXED))
    assert processes == 2
    check(stage, FLEETS["mixed"])


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("seed", range(KILLS))
@pytest.mark.parametrize("name", FLEETS)
def test_killed_twenty_times(make, name, seed, named):
    steps = STEPS_OF_MIXED if name == "mixed" else STEPS
    stage, _, processes = make(FLEETS[name], named=named, at=seeded(seed, steps))
    assert processes == 2
    check(stage, FLEETS[name])
