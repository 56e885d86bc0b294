"""Killed at any moment and started again, a hunt asks for each system exactly once.

The fuse counts every read and write of the store and the queues and every request to the platform, and goes
off before or after one of them as a kill would: nothing that comes after it in the process is carried out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from demo.platform.records import SimInstance, SimVolume
from scheduler.triggers import on_schedule
from scheduler.worker import captures_handler
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_FINISHED
from shared.models.hunts import HuntState
from shared.queues.worker import work
from tests.scheduler.staging import SUNDAY, Stage

FLEET = tuple(
    SimInstance(f"i-{n:017x}", f"m{n}", "us-east-1", volumes=(SimVolume(f"vol-{n}"),)) for n in range(1, 5)
)
KILLS = 20
SEED = 4


class Killed(BaseException):
    pass


class Fuse:
    def __init__(self) -> None:
        self.steps, self.at = 0, 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Killed

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **rest: Any) -> Any:
            self.step()
            answer = real(*args, **rest)
            self.step()
            return answer

        return wrapped


class Watched:
    def __init__(self, real: Any, fuse: Fuse) -> None:
        self._real, self._fuse = real, fuse

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._real, name)
        return self._fuse.wrap(attribute) if callable(attribute) else attribute


def process(stage: Stage, path: Any, fuse: Fuse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the stage on a process that has just been started."""
    database = Database(path)

    def seconds() -> float:
        return stage.moment.timestamp()

    stage.runtime = replace(
        stage.runtime,
        store=Watched(SqliteStore(database), fuse),
        captures=Watched(SqliteQueue(database, "captures", seconds), fuse),
        events=Watched(SqliteQueue(database, "events", seconds), fuse),
    )
    transport = stage.runtime.cado._transport
    monkeypatch.setattr(transport, "call", fuse.wrap(transport.call))


def live(stage: Stage) -> bool:
    """One round of a process; True when the hunt is over."""
    while work(stage.runtime.captures, captures_handler(stage.runtime), lease=60):
        pass
    stage.follow()
    return all(hunt.over for hunt in stage.runtime.ledger.hunts.of_name("weekly"))


def story(stage: Stage, path: Any, fuse: Fuse, monkeypatch: pytest.MonkeyPatch) -> int:
    """A hunt to its end; how many processes it took."""
    processes, started, over = 0, False, False
    while not over:
        processes += 1
        assert processes < 5
        process(stage, path, fuse, monkeypatch)
        try:
            if not started:
                on_schedule(stage.runtime, "weekly", SUNDAY)
                started = True
            for _ in range(40):
                if over := live(stage):
                    break
                stage.forward(20)
                stage.platform.tick(1)
            else:
                raise AssertionError(f"it does not end: {stage.states()}")
        except Killed:
            stage.forward(61)  # the leases run out
    return processes


@pytest.fixture
def make(make_stage, tmp_path, monkeypatch):
    def run(at: int = 0) -> tuple[Stage, Fuse, int]:
        # Seeded, because the number of steps depends on how long the pipelines take.
        stage = make_stage(FLEET, hunt={"max_in_flight": 2}, rng=random.Random(SEED))
        fuse = Fuse()
        fuse.at = at
        return stage, fuse, story(stage, tmp_path / "huntbridge.db", fuse, monkeypatch)

    return run


def seeded(seed: int, steps: int) -> int:
    """A step of the seed's own twentieth of the story: no part of it is left out."""
    return random.Random(seed).randrange(seed * steps // KILLS, (seed + 1) * steps // KILLS) + 1


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
