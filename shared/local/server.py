"""The server of one machine: one process with the web application, the core with the queues, and timers.

It gets handlers and knows nothing of what they do. When it stops, it stops them in order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from shared.local.core import Core, Workers
from shared.local.pulse import GRACE, Pulse

log = logging.getLogger(__name__)

# Seconds that running work has to finish at a stop. Items that are not done by then are handed back.
STOP_WITHIN = 8.0
HAND_BACK_WITHIN = 1.0  # seconds


@dataclass(frozen=True)
class Timer:
    """Something that is done again and again."""

    name: str
    call: Callable[[], None]
    interval: float  # seconds
    within: float = 600.0  # seconds that a call may take


class Listening(Protocol):
    """What `Server.listen` runs in a thread, and stops: a `Listener`, or something with its methods."""

    def run(self, beat: Callable[[], None]) -> None: ...

    def close(self) -> None: ...

    def rest(self) -> bool: ...


class Server:
    """Runs the threads from `start` to `stop`."""

    def __init__(self, workers: list[Workers], timers: list[Timer], core: Core | None = None) -> None:
        """`core`: that with which the handlers wait, if they do."""
        self._stop = threading.Event()
        self._pulses: dict[str, Pulse] = {}
        self._core = core or Core()
        self._threads = [self._thread("core", self._core.run)] if workers else []
        for each in workers:
            self._core.use(each)
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
        """Sentences about threads that have ended, keep failing, or take longer than they may, and about
        items that have been in work for too long."""
        return [
            f"the thread {name} {problem}"
            for name, pulse in self._pulses.items()
            if (problem := pulse.problem())
        ] + self._core.late(GRACE)

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
        self._core.stop()
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
        if self._at_rest():
            return True
        self._core.abandon()
        handed_back = time.monotonic() + HAND_BACK_WITHIN
        while self._core.running and time.monotonic() < handed_back:
            time.sleep(0.02)
        return False

    def _at_rest(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self, web: Listening, pulse: Pulse) -> None:
        web.run(lambda: pulse.beat(0))

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
