"""One process on one machine: the web app behind waitress, worker threads for the queues, and timers.

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

from waitress.server import create_server

from shared.ledger import StoreError
from shared.local.sqlite import SqliteQueue
from shared.queues import Handler, Item, Queue, QueueError, Verdict, work

log = logging.getLogger(__name__)

# A request that is too large is still read up to here, so that its sender gets the answer and not a reset.
# API Gateway has the same limit (10 MB).
MAX_READ = 10 * 1024 * 1024 + 64 * 1024
WEB_THREADS = 8
# An idle worker wakes when this process adds an item, and this often (seconds) for those of others.
IDLE_WAIT = 0.25
AFTER_A_FAILURE = 1.0  # seconds that a worker waits when its queue cannot be used
# Seconds that work in hand is given to finish; what has not by then is handed back, for the next start.
STOP_WITHIN = 8.0


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


class AlreadyServed(Exception):
    """Another process serves this data directory."""


@contextmanager
def sole_server(data: Path) -> Iterator[None]:
    """Hold the data directory against a second `serve`. Raises AlreadyServed or StoreError."""
    try:
        lock = (data / "serve.lock").open("a+")
    except OSError as error:
        raise StoreError(f"the data directory {data} cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyServed(
                f"another huntbridge serves {data.resolve()}; stop it, or give this one its own --data"
            ) from None
        yield


class Server:
    """`start` returns when requests are answered; `stop` when everything has come to rest."""

    def __init__(self, workers: list[Workers], timers: list[Timer]) -> None:
        self._stop = threading.Event()
        self._in_hand: dict[tuple[str, str], tuple[Queue, Item]] = {}
        self._threads = [
            threading.Thread(
                target=self._work, args=(group,), name=f"{group.queue.name}-{number}", daemon=True
            )
            for group in workers
            for number in range(group.threads)
        ] + [
            threading.Thread(target=self._ring, args=(timer,), name=timer.name, daemon=True)
            for timer in timers
        ]
        self._web: Any = None

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def listen(self, app: Any, host: str, port: int) -> int:
        """Answer requests and return the port (0 takes a free one). Raises OSError."""
        self._web = create_server(
            app, host=host, port=port, threads=WEB_THREADS, max_request_body_size=MAX_READ, ident=None
        )
        threading.Thread(target=self._web.run, name="web", daemon=True).start()
        return int(self._web.effective_port)

    def stop(self) -> bool:
        """No new requests, no new items; False where some work was still in hand after STOP_WITHIN."""
        self._stop.set()
        deadline = time.monotonic() + STOP_WITHIN
        if self._web is not None:
            self._web.close()
            # Requests that are in are answered: what they brought may be durable already.
            self._web.task_dispatcher.shutdown(cancel_pending=False, timeout=STOP_WITHIN / 2)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._hand_back()
        return not any(thread.is_alive() for thread in self._threads)

    def _hand_back(self) -> None:
        """Whoever starts next need not wait for the leases of work that hangs."""
        for queue, item in list(self._in_hand.values()):
            with suppress(QueueError):  # then its lease runs out
                queue.retry(item, delay=0)

    def _hold(self, group: Workers, item: Item) -> Verdict:
        key = group.queue.name, item.id
        self._in_hand[key] = group.queue, item
        try:
            return group.handler(item)
        finally:
            self._in_hand.pop(key, None)

    def _work(self, group: Workers) -> None:
        wait = group.queue.wait if isinstance(group.queue, SqliteQueue) else self._stop.wait
        while not self._stop.is_set():
            try:
                found = work(group.queue, lambda item: self._hold(group, item), lease=group.lease)
            except QueueError as error:
                log.error("%s", error)
                self._stop.wait(AFTER_A_FAILURE)
                continue
            except Exception:  # a thread that ended would not be missed before its queue stands still
                log.exception("a worker of %s failed; it goes on", group.queue.name)
                self._stop.wait(AFTER_A_FAILURE)
                continue
            if not found:
                wait(IDLE_WAIT)

    def _ring(self, timer: Timer) -> None:
        while not self._stop.is_set():
            try:
                timer.call()
            except Exception:
                log.exception("the timer %s failed; it rings again in %.0f s", timer.name, timer.interval)
            self._stop.wait(timer.interval)
