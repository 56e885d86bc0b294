"""The server of one machine: one process with the web application, the core with the queues, and timers.

It gets handlers and knows nothing of what they do. Others can replace them while it runs. When it stops, it
stops them in order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.local.core import Core, Workers
from shared.local.pulse import GRACE, Pulse

log = logging.getLogger(__name__)

# Seconds that running work has to finish at a stop. Items that are not done by then are handed back.
STOP_WITHIN = 8.0
HAND_BACK_WITHIN = 1.0  # seconds
_LOOK = 1.0  # seconds between two looks whether an earlier timer has ended


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


class _Work:
    """The threads of a core and of timers, until another such set replaces it."""

    def __init__(
        self, workers: Sequence[Workers], timers: Sequence[Timer], core: Core, earlier: Sequence[_Work] = ()
    ) -> None:
        """`earlier`: what this replaces. A timer begins when the earlier ones of its name have ended."""
        self.core, self.pulses = core, dict[str, Pulse]()
        self._stop = threading.Event()
        self.threads: list[threading.Thread] = []
        if workers:
            self._add("core", core.run)
        for each in workers:
            core.use(each)
        for timer in timers:
            before = [each for work in earlier for each in work.threads if each.name == timer.name]
            self.add(timer, before)

    def add(self, timer: Timer, before: Sequence[threading.Thread] = ()) -> None:
        self._add(timer.name, self._run_timer, timer, before)

    def _add(self, name: str, run: Callable[..., None], *of: Any) -> None:
        pulse = self.pulses[name] = Pulse()
        pulse.thread = threading.Thread(target=run, args=(*of, pulse), name=name, daemon=True)
        self.threads.append(pulse.thread)

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        """Claim no new items, and call no timer again."""
        self._stop.set()
        self.core.stop()

    def at_rest(self) -> bool:
        return not any(thread.is_alive() for thread in self.threads)

    def problems(self) -> list[str]:
        return _problems(self.pulses) + self.core.late(GRACE)

    def _run_timer(self, timer: Timer, before: Sequence[threading.Thread], pulse: Pulse) -> None:
        while any(thread.is_alive() for thread in before) and not self._stop.is_set():
            pulse.beat(_LOOK)
            before[0].join(_LOOK)
            before = [thread for thread in before if thread.is_alive()]
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


def _problems(pulses: Mapping[str, Pulse]) -> list[str]:
    return [f"the thread {name} {problem}" for name, pulse in pulses.items() if (problem := pulse.problem())]


class Server:
    """Runs the threads from `start` to `stop`."""

    def __init__(
        self, workers: Sequence[Workers] = (), timers: Sequence[Timer] = (), core: Core | None = None
    ) -> None:
        """`core`: that with which the handlers wait, if they do."""
        self._work = _Work(workers, timers, core or Core())
        self._earlier: list[_Work] = []  # which still end what they began
        self._webs: list[Listening] = []
        self._web_pulses: dict[str, Pulse] = {}

    def signs(self) -> dict[str, float]:
        """For each thread, the seconds since its last sign of life."""
        now = time.monotonic()
        pulses = self._web_pulses | self._work.pulses
        return {name: round(now - pulse.seen, 1) for name, pulse in pulses.items()}

    def problems(self) -> list[str]:
        """Sentences about threads that have ended, keep failing, or take longer than they may, and about
        items that have been in work for too long."""
        earlier = [problem for work in self._earlier for problem in work.core.late(GRACE)]
        return _problems(self._web_pulses) + self._work.problems() + earlier

    def add(self, timer: Timer) -> None:
        """Add a timer. Call this before `start`."""
        self._work.add(timer)

    def start(self) -> None:
        self._work.start()

    def replace(self, workers: Sequence[Workers], timers: Sequence[Timer], core: Core) -> None:
        """Go on with these workers and timers. The earlier ones end what they have begun meanwhile."""
        earlier = [work for work in (*self._earlier, self._work) if not work.at_rest()]
        work = _Work(workers, timers, core, earlier)
        self._work.end()
        self._earlier, self._work = earlier, work
        work.start()

    def listen(self, web: Listening, name: str = "web") -> None:
        """Answer the requests to this listener from now on, in a thread of this name."""
        self._webs.append(web)
        pulse = self._web_pulses[name] = Pulse()
        pulse.thread = threading.Thread(target=self._serve, args=(web, pulse), name=name, daemon=True)
        pulse.thread.start()

    def stop(self, at_once: Callable[[], bool] = lambda: False) -> bool:
        """Accept no new requests, claim no new items, and wait for the running work. Returns False if some
        work was still running after STOP_WITHIN seconds, or when `at_once` ended the wait."""
        works = [*self._earlier, self._work]
        for work in works:
            work.end()
        deadline = time.monotonic() + STOP_WITHIN

        def wait(rest: Callable[[], bool], until: float) -> None:
            while not rest() and time.monotonic() < until and not at_once():
                time.sleep(0.02)

        for web in self._webs:
            web.close()
        for web in self._webs:
            # Answer the requests that have come in, since their webhooks may be durable already.
            wait(web.rest, deadline - STOP_WITHIN / 2)
        wait(lambda: all(work.at_rest() for work in works), deadline)
        if all(work.at_rest() for work in works):
            return True
        for work in works:
            work.core.abandon()
        handed_back = time.monotonic() + HAND_BACK_WITHIN
        while any(work.core.running for work in works) and time.monotonic() < handed_back:
            time.sleep(0.02)
        return False

    def _serve(self, web: Listening, pulse: Pulse) -> None:
        web.run(lambda: pulse.beat(0))
