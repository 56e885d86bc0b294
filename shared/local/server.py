"""One process on one machine: the web app, worker threads for the queues, and timers.

It knows nothing of what the workers do: it gets handlers, and it stops them in order.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.local.listen import Listener
from shared.local.private import make_private
from shared.local.queue import SqliteQueue
from shared.queues.ports import Handler, Item, Queue, QueueError, Verdict
from shared.queues.worker import work
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)

# An idle worker wakes when this process adds an item, and this often (seconds) for those of others.
IDLE_WAIT = 0.25
AFTER_A_FAILURE = 1.0  # seconds that a worker waits when its queue cannot be used
# Seconds that work in hand is given to finish; what has not by then is handed back, for the next start.
STOP_WITHIN = 8.0
# Seconds by which a sign of life may be late before it is missed: a busy machine, a database that is locked.
GRACE = 60.0


@dataclass(frozen=True)
class Workers:
    queue: Queue
    handler: Handler
    lease: float  # seconds; longer than the handler can take
    threads: int


@dataclass(frozen=True)
class Timer:
    name: str
    call: Callable[[], None]
    interval: float  # seconds
    within: float = 600.0  # seconds that a call may take


class AlreadyServed(Exception):
    """Another process serves this data directory."""


@contextmanager
def sole_server(data: Path) -> Iterator[None]:
    """Hold the data directory against a second `serve`. Raises AlreadyServed or StoreError."""
    path = data / "serve.lock"
    try:
        make_private(path)
        lock = path.open("r+")
    except OSError as error:
        raise StoreError(f"the data directory {data} cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServed(
                f"another huntbridge serves {data.resolve()}; stop it, or give this one its own --data"
            ) from None
        except OSError as error:
            raise StoreError(
                f"{path} cannot be locked ({error.strerror}), so a second serve could not be kept away; "
                "put the data directory on a local disk"
            ) from error
        yield


class Pulse:
    """A thread's signs of life: with each it says how long it may take until the next."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.seen, self._within = time.monotonic(), GRACE
        self._failing: tuple[float, str] | None = None  # since when, and the last failure

    def beat(self, within: float) -> None:
        self.seen, self._within = time.monotonic(), within + GRACE

    def failed(self, error: BaseException) -> None:
        self._failing = (self._failing[0] if self._failing else time.monotonic()), type(error).__name__

    def succeeded(self) -> None:
        self._failing = None

    def problem(self) -> str:
        """Empty where all is well."""
        if self.thread and self.thread.ident and not self.thread.is_alive():
            return "has ended"
        if (failing := self._failing) and time.monotonic() - failing[0] > self._within:
            return f"has failed for {time.monotonic() - failing[0]:.0f} s, the last time with {failing[1]}"
        late = time.monotonic() - self.seen
        return f"has given no sign of life for {late:.0f} s" if late > self._within else ""


class Server:
    """`start` returns when requests are answered; `stop` when everything has come to rest."""

    def __init__(self, workers: list[Workers], timers: list[Timer]) -> None:
        self._stop = threading.Event()
        self._in_hand: dict[tuple[str, str], tuple[Queue, Item]] = {}
        self._pulses: dict[str, Pulse] = {}
        self._threads = [
            self._thread(f"{group.queue.name}-{number}", self._work, group)
            for group in workers
            for number in range(group.threads)
        ]
        for timer in timers:
            self.add(timer)
        self._web: Listener | None = None

    def _thread(self, name: str, run: Callable[..., None], *of: Any) -> threading.Thread:
        pulse = self._pulses[name] = Pulse()
        pulse.thread = threading.Thread(target=run, args=(*of, pulse), name=name, daemon=True)
        return pulse.thread

    def signs(self) -> dict[str, float]:
        """For each thread, the seconds since its last sign of life."""
        now = time.monotonic()
        return {name: round(now - pulse.seen, 1) for name, pulse in self._pulses.items()}

    def problems(self) -> list[str]:
        """The threads that have ended, or that take longer than they may."""
        return [
            f"the thread {name} {found}" for name, one in self._pulses.items() if (found := one.problem())
        ]

    def add(self, timer: Timer) -> None:
        """Before `start`."""
        self._threads.append(self._thread(timer.name, self._ring, timer))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def listen(self, web: Listener) -> None:
        """Answer requests from now on."""
        self._web = web
        self._thread("web", self._serve, web).start()

    def stop(self, at_once: Callable[[], bool] = lambda: False) -> bool:
        """No new requests, no new items; False where some work was still in hand after STOP_WITHIN, or when
        `at_once` said not to wait for it."""
        self._stop.set()
        deadline = time.monotonic() + STOP_WITHIN

        def wait(rest: Callable[[], bool], until: float) -> None:
            while not rest() and time.monotonic() < until and not at_once():
                time.sleep(0.02)

        if self._web is not None:
            self._web.close()
            # Requests that are in are answered: what they brought may be durable already.
            wait(self._web.rest, deadline - STOP_WITHIN / 2)
        wait(self._at_rest, deadline)
        self._hand_back()
        return self._at_rest()

    def _at_rest(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _hand_back(self) -> None:
        """Whoever starts next need not wait for the leases of work that hangs."""
        for queue, item in list(self._in_hand.values()):
            with suppress(QueueError):  # then its lease runs out
                queue.retry(item, delay=0)

    def _serve(self, web: Listener, pulse: Pulse) -> None:
        web.run(lambda: pulse.beat(0))

    def _hold(self, group: Workers, pulse: Pulse, item: Item) -> Verdict:
        pulse.beat(group.lease)
        key = group.queue.name, item.id
        self._in_hand[key] = group.queue, item
        try:
            return group.handler(item)
        finally:
            self._in_hand.pop(key, None)

    def _work(self, group: Workers, pulse: Pulse) -> None:
        wait = group.queue.wait if isinstance(group.queue, SqliteQueue) else self._stop.wait
        while not self._stop.is_set():
            pulse.beat(0)
            try:
                found = work(group.queue, lambda item: self._hold(group, pulse, item), lease=group.lease)
            except QueueError as error:
                log.error("%s", error)
                self._stop.wait(AFTER_A_FAILURE)
                continue
            except BaseException as error:  # SystemExit as well, which would end this thread alone
                log.exception("a worker of %s failed; it goes on", group.queue.name)
                pulse.failed(error)
                self._stop.wait(AFTER_A_FAILURE)
                continue
            pulse.succeeded()
            if not found:
                wait(IDLE_WAIT)

    def _ring(self, timer: Timer, pulse: Pulse) -> None:
        while not self._stop.is_set():
            pulse.beat(timer.within)
            try:
                timer.call()
                pulse.succeeded()
            except BaseException as error:
                pulse.failed(error)
                log.exception("the timer %s failed; it rings again in %.0f s", timer.name, timer.interval)
            pulse.beat(timer.interval)
            self._stop.wait(timer.interval)
