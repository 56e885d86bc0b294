"""Everything that happens in one thread: actors that take turns, the time that passes, and what was seen.

An actor is a worker, a timer, a person, or the platform that calls a webhook. It runs until it reaches a
pause: each call of the store, of a queue and of anything outside. There another actor may go on, and a fault
may happen. All choices are drawn from one seed. An actor may have greenlets of its own, as the core has one
for each item: all of them pause together.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from shared.models.case_states import DecisionRefused
from shared.storage.ports import NotNow
from tests.receiver.sequences.world import Killed

_SWITCH = 0.15  # the share of pauses at which another actor goes on
_PAUSE = 0.002  # seconds that pass at a pause
_FORESEEN = (NotNow, DecisionRefused)  # what a command or the server may meet


class Clock:
    """`true` is the time in the world, in epoch seconds. This machine's clock may be wrong."""

    def __init__(self, start: datetime) -> None:
        self.true, self.offset = start.timestamp(), 0.0

    def monotonic(self) -> float:
        return self.true

    def seconds(self) -> float:
        """What this machine's clock says."""
        return self.true + self.offset

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)


class Trace:
    """What happened, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.lines = clock, list[str]()
        self.actor = ""

    def add(self, what: str, *, actor: str = "") -> None:
        at = datetime.fromtimestamp(self._clock.true, UTC)
        self.lines.append(f"{at:%m-%d %H:%M:%S}.{at.microsecond // 1000:03} {actor or self.actor:<14} {what}")


class Process:
    """What dies together: `serve` on one machine, one function on AWS, a command of a person."""

    def __init__(self, name: str) -> None:
        self.name, self.alive = name, True


class Actor:
    def __init__(self, name: str, process: Process, call: Callable[[], Any], parent: greenlet) -> None:
        self.name, self.process, self._call = name, process, call
        self.wakes_at = 0.0
        self.stalls = False  # it hangs in the midst of its work
        self.greenlet = greenlet(self._run, parent)
        self.at = self.greenlet  # which of its greenlets goes on when its turn comes
        self.result: Any = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        return bool(self.greenlet.dead) or self.error is not None

    def end(self) -> None:
        """End it where it stands, with what its code does at its end."""
        self.error = Killed()
        if self.greenlet:  # it has begun
            self.at.throw(self.error)

    def _run(self) -> None:
        try:
            self.result = self._call()
        except (Killed, GreenletExit) as error:
            self.error = error
        except Exception as error:
            self.error = error


class Actors:
    def __init__(self, clock: Clock, rng: random.Random, trace: Trace) -> None:
        self._clock, self._rng, self._trace = clock, rng, trace
        self._main, self._thread = getcurrent(), threading.get_ident()
        self._running: Actor | None = None
        self.all: list[Actor] = []
        self.fault: Callable[[str], None] = lambda point: None  # what may go wrong at a pause

    @property
    def running(self) -> Actor | None:
        """The actor whose turn it is; None while the schedule itself acts."""
        return self._running

    def spawn(self, name: str, process: Process, call: Callable[[], Any]) -> Actor:
        actor = Actor(name, process, call, self._main)
        self.all.append(actor)
        return actor

    def pause(self, point: str) -> None:
        """Another actor may go on here. Raises Killed if the process of this actor is gone."""
        actor = self._running
        if actor is None:
            return
        if not actor.process.alive:
            raise Killed
        self._clock.true += _PAUSE
        self.fault(point)
        if self._rng.random() < _SWITCH:
            self._switch(actor)

    def sleep(self, seconds: float) -> None:
        """The actor does nothing for so long, and the others go on."""
        actor = self._running
        if actor is None:
            self._clock.true += seconds
            return
        if not actor.process.alive:
            raise Killed
        actor.wakes_at = self._clock.true + seconds
        self._switch(actor)

    def stall(self, seconds: float) -> None:
        """The actor hangs for so long, in the midst of its work."""
        actor = self._running
        assert actor
        actor.stalls = True
        self.sleep(seconds)
        actor.stalls = False

    def stall_ends(self) -> float | None:
        """When the next actor that hangs goes on; None if none hangs."""
        return min(
            (actor.wakes_at for actor in self.all if actor.process.alive and actor.stalls), default=None
        )

    def wake(self, actor: Actor) -> None:
        """End the sleep of an actor."""
        actor.wakes_at = min(actor.wakes_at, self._clock.true)

    def _switch(self, actor: Actor) -> None:
        actor.at = getcurrent()
        self._main.switch()
        if not actor.process.alive:
            raise Killed

    def ready(self) -> list[Actor]:
        return [actor for actor in self.all if actor.process.alive and actor.wakes_at <= self._clock.true]

    def wakes_at(self) -> float | None:
        """When an actor goes on; None if none does by itself."""
        return min((actor.wakes_at for actor in self.all if actor.wakes_at < math.inf), default=None)

    def resume(self, actor: Actor) -> None:
        """Let an actor go on until its next pause at which it hands over."""
        self._running, self._trace.actor = actor, actor.name
        try:
            actor.at.switch()
        finally:
            self._running, self._trace.actor = None, ""
        self.bury()
        if isinstance(actor.error, Exception) and not isinstance(actor.error, _FORESEEN):
            raise actor.error

    def kill(self, *processes: Process) -> None:
        """Nothing of these processes goes on. The actor whose turn it is ends at its next pause."""
        for process in processes:
            process.alive = False

    def end(self) -> None:
        """Nothing goes on."""
        self.kill_all()
        self.bury()

    def kill_all(self) -> None:
        self.kill(*(actor.process for actor in self.all))

    def bury(self) -> None:
        """End the actors of the processes that are gone."""
        while dead := [each for each in self.all if not each.process.alive and not each.done]:
            for actor in dead:
                self._running = actor
                try:
                    actor.end()
                finally:
                    self._running = None
        self.all = [actor for actor in self.all if not actor.done]

    def pausing(self, target: object, *names: str, also: str = "") -> None:
        """Each call of these methods is a pause before and after."""
        for name in names:
            setattr(target, name, self._pausing(getattr(target, name), f"{also}{name}"))

    def _pausing(self, call: Callable[..., Any], point: str) -> Callable[..., Any]:
        def pausing(*args: Any, **options: Any) -> Any:
            if self._running is None or threading.get_ident() != self._thread:
                return call(*args, **options)
            self.pause(point)
            answer = call(*args, **options)
            self.pause(f"{point} done")
            return answer

        return pausing

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nothing pauses in this block."""
        running, self._running = self._running, None
        try:
            yield
        finally:
            self._running = running


class Lock:
    """A lock that an actor waits for at a pause, so that it never stops the only thread."""

    def __init__(self, actors: Actors) -> None:
        self._actors, self._holder = actors, list[Actor | None]()

    def __enter__(self) -> None:
        while self._holder:
            if self._holder[0] is self._actors.running:
                raise RuntimeError("this thread waits for a lock that it holds itself")
            self._actors.sleep(0.01)
        self._holder.append(self._actors.running)

    def __exit__(self, *_: object) -> None:
        self._holder.clear()
