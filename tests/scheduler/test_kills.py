"""Killed at any moment and started again, a hunt asks for each system exactly once."""

from __future__ import annotations

import random

import pytest

from demo.platform.records import SimInstance, SimVolume
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.hunts import HuntState
from tests.scheduler.killing import KILLS, Fuse, seeded, story
from tests.scheduler.staging import Stage

FLEET = tuple(
    SimInstance(f"i-{n:017x}", f"m{n}", "us-east-1", volumes=(SimVolume(f"vol-{n}"),)) for n in range(1, 5)
)
SEED = 4


@pytest.fixture
def make(make_stage, tmp_path, monkeypatch):
    def run(at: int = 0) -> tuple[Stage, Fuse, int]:
        # Seeded, because the number of steps depends on how long the pipelines take.
        stage = make_stage(FLEET, hunt={"max_in_flight": 2}, rng=random.Random(SEED))
        fuse = Fuse()
        fuse.at = at
        return stage, fuse, story(stage, tmp_path / "huntbridge.db", fuse, monkeypatch)

    return run


STEPS = 350  # at least so many has the whole story


def test_the_whole_story_without_a_kill(make):
    stage, fuse, processes = make()
    assert processes == 1
    assert fuse.steps >= STEPS
    assert set(stage.platform.asked.values()) == {1}


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_and_started_again(make, seed):
    stage, _, processes = make(seeded(seed, STEPS))
    assert processes == 2
    assert stage.platform.asked == {machine.instance_id: 1 for machine in FLEET}
    assert len(stage.platform.world.projects) == 1
    assert stage.hunt().state is HuntState.FINISHED
    assert stage.states() == [CaptureState.PROCESSED] * len(FLEET)
    assert [event.id for event in stage.events()] == [f"{HUNT_FINISHED}:weekly@2026-11-29T02:00:00Z"]
