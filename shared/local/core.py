"""The one thread that writes: it runs the handlers of the queues, many items at a time.

The core works in rounds, and each round is one transaction. A round goes on with the items whose calls to
peers have ended. If there are none, it claims further items and runs their handlers. Each item has a greenlet
of its own. When its handler calls a peer, the greenlet is parked and the next item goes on. The call begins
after the commit of the round, in a thread of the pool. So nothing is sent before everything that it depends
on is on the disk. A round that stores the outcomes of calls is not synced: if a power cut undoes it, the
calls are in doubt and are repeated as such. A further round syncs it within a second.

The items of a queue are in lanes, such as one for each destination. At most as many items of a lane are in
work as it has places, so a destination that hangs stops no other. If a round cannot be committed, each
handler that took part ends as if the process had been killed, and its item is tried again.

The core sleeps until an item is due, a call has ended, or this process puts an item. What other processes
put it finds within a second.
"""

from __future__ import annotations

import contextvars
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from greenlet import GreenletExit, getcurrent, greenlet

from shared.local.daemon_threads import DaemonThreads
from shared.local.pulse import Pulse
from shared.local.queue import SqliteQueue
from shared.queues.ports import Handler, Item, QueueError
from shared.queues.worker import work_on

log = logging.getLogger(__name__)
T = TypeVar("T")

_LOOK = 1.0  # seconds after which the core looks for items that other processes have put
AFTER_A_FAILURE = 1.0  # seconds that the core waits when a round cannot be committed
# Seconds after which a round takes no further items. Its calls begin after the commit, and others wait for it
# too; but the more items share a commit, the less each of them costs.
_LONGEST_ROUND = 0.005
# Of so many claims of a lane, one takes the item that waits longest: urgent ones cannot keep it for ever.
_OLDEST_FIRST_EVERY = 8
# More calls than this do not wait for peers at once. A lane has places for far fewer.
_MOST_THREADS = 512


@dataclass(frozen=True)
class Workers:
    """How the items of one queue are worked."""

    queue: SqliteQueue
    handler: Handler
    lease: float  # seconds; longer than the handler can take
    places: int  # items of one lane that are in work at once
    places_of: Mapping[str, int] = field(default_factory=dict)  # of certain lanes
    at_once: int = 1  # items of one lane that begin in one go
    # The whole handler runs in a thread of the pool, as one call to a peer.
    in_thread: bool = False


class _Lane:
    """The items of one queue that wait for the same thing."""

    def __init__(self, workers: Workers, name: str) -> None:
        self.workers, self.name = workers, name
        self.free = workers.places_of.get(name, workers.places)
        self.due_at = math.inf  # by `time.monotonic`: nothing can be claimed before
        self._claims = 0

    def claim(self) -> Item | None:
        self._claims += 1
        queue, oldest_first = self.workers.queue, self._claims % _OLDEST_FIRST_EVERY == 0
        items = queue.claim(lease=self.workers.lease, lane=self.name, oldest_first=oldest_first)
        if items:
            return items[0]
        self.due_at = time.monotonic() + queue.until_due(self.name)
        return None

    def notice(self, delay: float) -> None:
        self.due_at = min(self.due_at, time.monotonic() + delay)


@dataclass(eq=False)
class _Work:
    """One item in work."""

    lane: _Lane
    item: Item
    run: Any  # the greenlet
    until: float  # by `time.monotonic`: when its lease ends, or that of an attempt that hung
    wait_ends: float = math.inf  # by `time.monotonic`


class _Event:
    """As `threading.Event`, for greenlets of the core."""

    def __init__(self, core: Core) -> None:
        self._core, self._happened = core, False
        self._waits: _Work | None = None

    def set(self) -> None:
        self._happened = self._core.call_ended = True
        self._core.tell(self._go_on)

    def wait(self, timeout: float | None = None) -> bool:
        if not self._happened:
            self._waits = self._core.current
            self._core.park(self._waits, math.inf if timeout is None else timeout)
            self._waits = None
        return self._happened

    def _go_on(self) -> None:
        if self._waits:
            self._core.go_on(self._waits)


class Core:
    """Runs the handlers in one thread from `run` to `stop`. As `Waiting`, it is what they wait with."""

    def __init__(self) -> None:
        self._workers: list[Workers] = []
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._messages: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._in_work: dict[Any, _Work] = {}  # by greenlet
        self._ready: dict[_Work, None] = {}
        self._took_part: dict[_Work, None] = {}  # in this round, in order
        self._lost: list[_Work] = []  # whose items are to be handed back
        self._handing_back = 0  # how many of these this round hands back
        self._calls: list[tuple[_Work, Callable[[], None]]] = []  # that begin after a synced commit
        self._is_synced = True  # whether the last round was synced
        self.call_ended = False  # since the core last took the messages
        self._threads = DaemonThreads("peer", _MOST_THREADS)
        self._hub: Any = None
        self._thread = 0
        self._looked_at = -math.inf
        self._stopping = self._abandoning = False
        self.running = False

    # What handlers wait with

    def outside(self, call: Callable[[], T]) -> T:
        if getcurrent() not in self._in_work:  # it is outside already
            return call()
        ended, results, context = self.event(), list[T](), contextvars.copy_context()
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(context.run(call))
            except BaseException as error:  # noqa: BLE001 (raised again in the handler)
                errors.append(error)
            ended.set()

        self._calls.append((self.current, run))
        ended.wait()
        if errors:
            raise errors[0]
        return results[0]

    def event(self) -> _Event:
        return _Event(self)

    @property
    def current(self) -> _Work:
        """The item whose handler runs."""
        return self._in_work[getcurrent()]

    def park(self, work: _Work, timeout: float) -> None:
        """Let other items go on until `go_on`, or for `timeout` seconds."""
        work.wait_ends = time.monotonic() + timeout
        self._hub.switch()

    def go_on(self, work: _Work) -> None:
        """Go on with a parked item in the next round."""
        self._ready[work] = None

    # From other threads

    def tell(self, message: Callable[[], None]) -> None:
        """Have the core call `message`. From any thread."""
        self._messages.put(message)

    def stop(self) -> None:
        """Claim no new items, and end when the items in work are done."""
        self.tell(partial(setattr, self, "_stopping", True))

    def abandon(self) -> None:
        """Hand back the items in work, so that the next start need not wait for their leases, and end."""
        self.tell(partial(setattr, self, "_abandoning", True))

    def late(self, grace: float) -> list[str]:
        """Sentences about items that have been in work for longer than their leases and `grace` seconds."""
        now = time.monotonic()
        return [
            f"an item of {work.lane.workers.queue.name} has been in work for "
            f"{now - work.until + work.lane.workers.lease:.0f} s"
            for work in list(self._in_work.values())
            if now > work.until + grace
        ]

    # The thread

    def use(self, workers: Workers) -> None:
        """Work this queue, too. Call this before `run`."""
        self._workers.append(workers)
        workers.queue.notify(partial(self._noticed, workers))

    def run(self, pulse: Pulse) -> None:
        """Work the queues until `stop`."""
        self.running = True
        try:
            self._run(pulse)
        finally:
            self.running = False

    def _run(self, pulse: Pulse) -> None:
        self._hub, self._thread = getcurrent(), threading.get_ident()
        self._pulse, self._database = pulse, self._workers[0].queue.database
        while not (self._stopping or self._abandoning) or self._in_work or self._lost:
            pulse.beat(_LOOK)
            self._sleep()
            self._took_part.clear()
            is_synced = bool(self._calls) or not self._ready
            try:
                with self._database.round(durable=is_synced):
                    self._round()
            except BaseException as error:  # also SystemExit, which would end only this thread
                is_bug = not isinstance(error, sqlite3.Error)
                keys = {"error": f"{type(error).__name__}: {error}"}
                log.error("a round failed, and its items are tried again", extra=keys, exc_info=is_bug)
                pulse.failed(error)
                self._undo()
                time.sleep(AFTER_A_FAILURE)
                continue
            if not self._lost:
                pulse.succeeded()
            del self._lost[: self._handing_back]
            if self._abandoning:
                return
            self._is_synced = is_synced
            if is_synced:
                self._calls = [(work, call) for work, call in self._calls if not self._threads.start(call)]

    def _noticed(self, workers: Workers, lane: str, delay: float) -> None:
        """An item was put into a queue, or handed back."""
        if threading.get_ident() == self._thread:
            self._lane(workers, lane).notice(delay)
        else:
            self.tell(lambda: self._lane(workers, lane).notice(delay))

    def _lane(self, workers: Workers, name: str) -> _Lane:
        key = workers.queue.name, name
        return self._lanes.get(key) or self._lanes.setdefault(key, _Lane(workers, name))

    def _sleep(self) -> None:
        """Sleep until there is something to do, and take all messages."""
        self.call_ended = False
        while True:
            is_due = self._ready or self._lost or (self._calls and not self._is_synced)
            timeout = 0.0 if is_due else max(self._next_at() - time.monotonic(), 0.0)
            try:
                self._messages.get(timeout=timeout)()
                while True:
                    self._messages.get_nowait()()
            except Empty:
                pass
            if is_due or not timeout or self._stopping or self._abandoning:
                return

    def _next_at(self) -> float:
        """When the core has something to do, if no message comes."""
        waits = [work.wait_ends for work in self._in_work.values()]
        due = [] if self._stopping else [lane.due_at for lane in self._lanes.values() if lane.free > 0]
        return min([*waits, *due, self._looked_at + _LOOK])

    def _round(self) -> None:
        began = time.monotonic()
        ends = began + _LONGEST_ROUND
        self._handing_back = len(self._lost)
        for work in self._lost:
            work.lane.workers.queue.retry(work.item, delay=AFTER_A_FAILURE)
        if self._abandoning:
            for work in self._in_work.values():
                work.lane.workers.queue.retry(work.item, delay=0)
            return
        for work in self._in_work.values():
            if work.wait_ends <= began:
                self._ready[work] = None
        go_on = bool(self._ready)
        while self._ready and time.monotonic() < ends:
            if self._database.lost:  # what is ready goes on when a round works again
                raise sqlite3.OperationalError("the transaction is undone") from self._database.lost
            work = next(iter(self._ready))
            del self._ready[work]
            if work.run in self._in_work:
                work.wait_ends = math.inf
                self._switch_to(work)
        if began >= self._looked_at + _LOOK:
            self._look(began)
        # The outcome of a call is stored before other work begins: if the process dies first, it is repeated.
        while not (go_on or self._stopping) and self._claim(ends):
            pass

    def _look(self, now: float) -> None:
        """Find the items of other processes."""
        self._looked_at = now
        for workers in self._workers:
            for lane, until_due in workers.queue.lanes().items():
                self._lane(workers, lane).due_at = now + until_due

    def _claim(self, ends: float) -> bool:
        """Begin with items of each lane that has a free place. False if there were none, or if the round must
        end: its time is over, or a call has ended."""
        claimed, now = False, time.monotonic()
        for key in list(self._lanes):
            lane = self._lanes[key] = self._lanes.pop(key)  # its next turn comes after those of all others
            for _ in range(lane.workers.at_once):
                if self.call_ended or time.monotonic() >= ends:
                    return False
                if lane.free < 1 or lane.due_at > now or not (item := lane.claim()):
                    break
                claimed = True
                self._begin(lane, item)
        return claimed

    def _begin(self, lane: _Lane, item: Item) -> None:
        workers = lane.workers
        until = time.monotonic() + workers.lease
        if item.claims > 1:
            until = min([until, *self._end_earlier(workers, item)])
        work = _Work(lane, item, None, until)
        work.run = greenlet(partial(self._work, work))
        lane.free -= 1
        self._in_work[work.run] = work
        self._switch_to(work)

    def _end_earlier(self, workers: Workers, item: Item) -> list[float]:
        """End the handler that still works on this item after its lease, as if the process had been killed.
        That happens when the machine was suspended. Two handlers at once could contradict each other. Returns
        when the lease ended, so that `late` knows of an item that hangs at every attempt."""
        same = [
            work
            for work in self._in_work.values()
            if work.item.id == item.id and work.lane.workers is workers
        ]
        for work in same:
            work.run.throw(GreenletExit)
        self._forget_calls()
        return [work.until for work in same]

    def _forget_calls(self) -> None:
        """Do not begin the calls of handlers that have ended."""
        self._calls = [(work, call) for work, call in self._calls if work.run in self._in_work]

    def _switch_to(self, work: _Work) -> None:
        self._took_part[work] = None
        work.run.switch()

    def _work(self, work: _Work) -> None:
        workers, handler = work.lane.workers, work.lane.workers.handler
        if workers.in_thread:
            handler = lambda item: self.outside(lambda: workers.handler(item))  # noqa: E731
        try:
            work_on(workers.queue, handler, work.item, lease=workers.lease)
        except GreenletExit:
            raise
        except QueueError as error:
            log.error("the queue cannot be used", extra={"queue": workers.queue.name, "error": str(error)})
            self._lost.append(work)
        except BaseException as error:  # also SystemExit
            log.exception("a worker failed and continues", extra={"queue": workers.queue.name})
            self._pulse.failed(error)
            self._lost.append(work)
        finally:
            del self._in_work[work.run]
            work.lane.free += 1

    def _undo(self) -> None:
        """Nothing of the round was written: end the handlers that took part in it."""
        for work in self._took_part:
            if work.run in self._in_work:
                work.run.throw(GreenletExit)
        self._forget_calls()
        self._lost += self._took_part
