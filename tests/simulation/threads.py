"""The threads of one machine as actors: those of the core, of its calls to peers and of the enrichment.

What these threads wait with, such as conditions, queues and the clock, belongs to the actors as well. The
core, the database and the inbox themselves are the real ones.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from queue import Empty
from threading import Lock
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from receiver.events import sources
from receiver.events.sources import Question, Source
from shared.local import core, database, inbox
from tests.simulation.actors import Actor, Actors, Clock

_NO_THREAD = 0.02  # the share of calls for which no thread can be started
# Seconds after which an idle core looks for the items of other processes. A second would cost the simulation
# most of its time.
_LOOKS_EVERY = 10.0
# The longest rounds in seconds, of which a schedule has one. As the product's, and so long that many others
# go on meanwhile.
_ROUNDS = (0.01, 0.2)


class Condition:
    """As `threading.Condition`. Its lock is always free: nobody hands over while he holds it."""

    def __init__(self, actors: Actors) -> None:
        self._actors, self._waiting = actors, list[Actor]()

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def wait(self) -> None:
        actor = self._actors.running
        assert actor, "the schedule itself would wait for ever"
        self._waiting.append(actor)
        self._actors.sleep(math.inf)

    def notify_all(self) -> None:
        while self._waiting:
            self._actors.wake(self._waiting.pop(0))


class Messages:
    """As `queue.SimpleQueue`, with one reader."""

    def __init__(self, actors: Actors) -> None:
        self._actors, self._left = actors, deque[Any]()
        self._reader: Actor | None = None

    def put(self, message: Any) -> None:
        self._left.append(message)
        if self._reader:
            self._actors.wake(self._reader)

    def get(self, timeout: float) -> Any:
        if not self._left:
            self._reader = self._actors.running
            self._actors.sleep(timeout)
            self._reader = None
        return self.get_nowait()

    def get_nowait(self) -> Any:
        if not self._left:
            raise Empty
        return self._left.popleft()

    def empty(self) -> bool:
        return not self._left


class Pool:
    """As `DaemonThreads`: each call is an actor, and the seed chooses which of them goes on."""

    def __init__(self, actors: Actors, rng: random.Random, name: str) -> None:
        self._actors, self._rng, self._name = actors, rng, name

    def start(self, call: Callable[[], None]) -> bool:
        running = self._actors.running
        assert running
        if self._rng.random() < _NO_THREAD:
            return False
        self._actors.spawn(self._name, running.process, call)
        return True


@contextmanager
def threads_of(actors: Actors, clock: Clock, rng: random.Random) -> Iterator[None]:
    """The machines that start in this block have actors instead of threads."""

    def number() -> int:
        return id(actors.running)

    def start(source: Source, question: Question[Any]) -> bool:
        running = actors.running
        assert running
        actors.spawn("question", running.process, question.run)
        return True

    time = SimpleNamespace(monotonic=clock.monotonic, sleep=actors.sleep, time=clock.seconds)
    condition = partial(Condition, actors)
    with ExitStack() as stack:
        for target, name, new in (
            (core, "time", time),
            (core, "threading", SimpleNamespace(get_ident=number)),
            (core, "SimpleQueue", lambda: Messages(actors)),
            (core, "DaemonThreads", lambda name, _: Pool(actors, rng, name)),
            (core, "_LOOK", _LOOKS_EVERY),
            (core, "_LONGEST_ROUND", rng.choice(_ROUNDS)),
            (database, "threading", SimpleNamespace(get_ident=number, Condition=condition, Lock=Lock)),
            (inbox, "time", time),
            (sources, "time", time),
            (Source, "start", start),
        ):
            stack.enter_context(patch.object(target, name, new))
        yield
