"""Kills a scheduler at any moment and starts it again.

The fuse counts every read and write of the store and the queues and every request to the platform, and goes
off before or after one of them as a kill would: nothing that comes after it in the process is carried out.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scheduler.triggers import on_schedule
from scheduler.worker import captures_handler
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.queues.worker import work
from tests.scheduler.staging import SUNDAY, Stage

KILLS = 20


class Killed(BaseException):
    pass


class Fuse:
    def __init__(self) -> None:
        self.steps, self.at = 0, 0

    def step(self) -> None:
        self.steps += 1
        if self.at and self.steps >= self.at:
            raise Killed  # the process stays dead, whatever its other threads try

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
            fuse.at = 0
            stage.forward(61)  # the leases run out
    return processes


def seeded(seed: int, steps: int) -> int:
    """A step of the seed's own twentieth of the story: no part of it is left out."""
    return random.Random(seed).randrange(seed * steps // KILLS, (seed + 1) * steps // KILLS) + 1
