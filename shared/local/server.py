"""The server of one machine: one process with the web application, worker threads for the queues, and timers.

It gets handlers and knows nothing of what they do. When it stops, it stops them in order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from shared.local.queue import SqliteQueue
from shared.queues.ports import Handler, Item, Queue, QueueError, Verdict
from shared.queues.worker import work

log = logging.getLogger(__name__)

# Seconds. An idle worker wakes when this process adds an item, and this often for items of other processes.
IDLE_WAIT = 0.25
AFTER_A_FAILURE = 1.0  # seconds that a worker waits when its queue cannot be used
# Seconds that running work has to finish at a stop. Items that are not done by then are handed back.
STOP_WITHIN = 8.0
# Seconds by which a sign of life may be late, since the machine may be busy or the database locked.
GRACE = 60.0


@dataclass(frozen=True)
class Workers:
    """The worker threads of one queue."""

    queue: Queue
    handler: Handler
    lease: float  # seconds; longer than the handler can take
    threads: int


@dataclass(frozen=True)
class Timer:
    """Something that is done again and again."""

    name: str
    call: Callable[[], None]
    interval: float  # seconds
    within: float = 600.0  # seconds that a call may take


class Pulse:
    """The signs of life of one thread. With each, it says within how many seconds the next one comes."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.seen, self._within = time.monotonic(), GRACE
        self._failing: tuple[float, str] | None = None  # since when, and the type of the last error

    def beat(self, within: float) -> None:
        self.seen, self._within = time.monotonic(), within + GRACE

    def failed(self, error: BaseException) -> None:
        self._failing = (self._failing[0] if self._failing else time.monotonic()), type(error).__name__

    def succeeded(self) -> None:
        self._failing = None

    def problem(self) -> str:
        """What is wrong with the thread, for a person; empty if it is well."""
        if self.thread and self.thread.ident and not self.thread.is_alive():
            return "has ended"
        if (failing := self._failing) and time.monotonic() - failing[0] > self._within:
            return f"has failed for {time.monotonic() - failing[0]:.0f} s, the last time with {failing[1]}"
        late = time.monotonic() - self.seen
        return f"has given no sign of life for {late:.0f} s" if late > self._within else ""


class Listening(Protocol):
    """What `Server.listen` runs in a thread, and stops: a `Listener`, or something with its methods."""

    def run(self, beat: Callable[[], None]) -> None: ...

    def close(self) -> None: ...

    def rest(self) -> bool: ...


class Server:
    """Runs the threads from `start` to `stop`."""

    def __init__(self, workers: list[Workers], timers: list[Timer]) -> None:
        self._stop = threading.Event()
        self._running: dict[tuple[str, str], tuple[Queue, Item]] = {}
        self._pulses: dict[str, Pulse] = {}
        self._threads = [
            self._thread(f"{group.queue.name}-{number}", self._work, group)
            for group in workers
            for number in range(group.threads)
        ]
        for timer in timers:
            self.add(timer)
        self._webs: list[Listening] = []

    def _thread(self, name: str, run: Callable[..., None], *of: Any) -> threading.Thread:
        pulse = self._pulses[name] = Pulse()
        pulse.thread = threading.Thread(target=run, args=(*of, pulse), name=name, daemon=True)
        return pulse.thread

    def signs(self) -> dict[str, float]:
        """For each thread, the seconds since its last sign of life."""
        now = time.monotonic()
        return {name: round(now - pulse.seen, 1) for name, pulse in self._pulses.items()}

    def problems(self) -> list[str]:
        """Sentences about threads that have ended, keep failing, or take longer than they may."""
        return [
            f"the thread {name} {problem}"
            for name, pulse in self._pulses.items()
            if (problem := pulse.problem())
        ]

    def add(self, timer: Timer) -> None:
        """Add a timer. Call this before `start`."""
        self._threads.append(self._thread(timer.name, self._run_timer, timer))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def listen(self, web: Listening, name: str = "web") -> None:
        """Answer the requests to this listener from now on, in a thread of this name."""
        self._webs.append(web)
        self._thread(name, self._serve, web).start()

    def stop(self, at_once: Callable[[], bool] = lambda: False) -> bool:
        """Accept no new requests, claim no new items, and wait for the running work. Returns False if some
        work was still running after STOP_WITHIN seconds, or when `at_once` ended the wait."""
        self._stop.set()
        deadline = time.monotonic() + STOP_WITHIN

        def wait(rest: Callable[[], bool], until: float) -> None:
            while not rest() and time.monotonic() < until and not at_once():
                time.sleep(0.02)

        for web in self._webs:
            web.close()
        for web in self._webs:
            # Answer the requests that have come in, since their webhooks may be durable already.
            wait(web.rest, deadline - STOP_WITHIN / 2)
        wait(self._at_rest, deadline)
        self._hand_back()
        return self._at_rest()

    def _at_rest(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _hand_back(self) -> None:
        """Hand back the items of work that hangs, so that the next start need not wait for their leases."""
        for queue, item in list(self._running.values()):
            with suppress(QueueError):  # on failure the item comes back when its lease ends
                queue.retry(item, delay=0)

    def _serve(self, web: Listening, pulse: Pulse) -> None:
        web.run(lambda: pulse.beat(0))

    def _handle(self, group: Workers, pulse: Pulse, item: Item) -> Verdict:
        pulse.beat(group.lease)
        key = group.queue.name, item.id
        self._running[key] = group.queue, item
        try:
            return group.handler(item)
        finally:
            self._running.pop(key, None)

    def _work(self, group: Workers, pulse: Pulse) -> None:
        wait = group.queue.wait if isinstance(group.queue, SqliteQueue) else self._stop.wait
        while not self._stop.is_set():
            pulse.beat(0)
            try:
                worked = work(group.queue, lambda item: self._handle(group, pulse, item), lease=group.lease)
            except QueueError as error:
                log.error("the queue cannot be used", extra={"queue": group.queue.name, "error": str(error)})
                self._stop.wait(AFTER_A_FAILURE)
                continue
            except BaseException as error:  # also SystemExit, which would end only this thread
                log.exception("a worker failed and continues", extra={"queue": group.queue.name})
                pulse.failed(error)
                self._stop.wait(AFTER_A_FAILURE)
                continue
            pulse.succeeded()
            if not worked:
                wait(IDLE_WAIT)

    def _run_timer(self, timer: Timer, pulse: Pulse) -> None:
        while not self._stop.is_set():
            pulse.beat(timer.within)
            try:
                timer.call()
                pulse.succeeded()
            except BaseException as error:
                pulse.failed(error)
                log.exception("a timer failed", extra={"timer": timer.name, "next_in": timer.interval})
            pulse.beat(timer.interval)
            self._stop.wait(timer.interval)
