"""The durable queues, as everything else sees them: SQS on AWS, a SQLite table on one machine.

An item that was claimed and neither finished nor handed back comes again when its lease has run out:
a worker may die at any moment and nothing is lost. Order is not promised.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.http.deadlines import DeadlineExceeded, within
from shared.queues import leases
from shared.storage.ports import NotNow, TooLarge

log = logging.getLogger(__name__)

CAPTURES, EVENTS, DELIVERIES = "captures", "events", "deliveries"
QUEUES = (CAPTURES, EVENTS, DELIVERIES)
ABANDONED = "claimed again and again and never finished"  # why an item is dead that its side put aside


@dataclass(frozen=True)
class Item:
    """One claimed item. `receipt` is only good until the lease runs out."""

    id: str
    body: bytes
    attempts: int  # how many times it has been claimed, this time included
    added_at: datetime
    receipt: str
    surprises: int = 0  # how often the work on it failed with an unforeseen error


@dataclass(frozen=True)
class DeadItem:
    id: str
    body: bytes
    attempts: int
    added_at: datetime
    died_at: datetime
    reason: str


@dataclass(frozen=True)
class Depth:
    """How full a queue is. `ready` can be claimed now; `oldest` is when the oldest living item came in,
    None where there is none or the side cannot tell. A side may count an item that was retried as leased."""

    ready: int
    delayed: int
    leased: int
    dead: int
    oldest: datetime | None

    @property
    def living(self) -> int:
        return self.ready + self.delayed + self.leased


class Queue(Protocol):
    name: str

    def put(
        self, body: bytes, *, id: str = "", delay: float = 0, urgent: bool = False, durable: bool = True
    ) -> str:
        """Add an item and return its id, when it is durable and not before. An `urgent` one is handed out
        ahead of the others where the side can. Not `durable`: as in `Store.put`.

        With an `id`, a side that can tell makes this a no-op while an item of that id lives; handlers are
        idempotent by id anyhow. `delay` is in seconds. Raises QueueError where the item could not be put, and
        TooLarge where it never can be.
        """
        ...

    def claim(self, limit: int = 1, *, lease: float) -> list[Item]:
        """Up to `limit` items that are due, invisible to everyone else for `lease` seconds."""
        ...

    def done(self, item: Item) -> bool:
        """Forget a claimed item. False where the lease had run out and another may hold it now."""
        ...

    def retry(self, item: Item, *, delay: float, surprise: bool = False) -> bool:
        """Hand a claimed item back; it is due again after `delay` seconds. `surprise` adds one to its
        `surprises`."""
        ...

    def dead(self, item: Item, *, reason: str) -> bool:
        """Keep a claimed item whole, out of the way, with the reason."""
        ...

    def adopt(self, tell: Callable[[Item], None]) -> None:
        """Keep as `dead` does what the side has put aside itself since nobody ever finished it, and call
        `tell` for each before that."""
        ...

    def dead_items(self, limit: int = 100) -> list[DeadItem]: ...

    def revive(self, ids: Collection[str]) -> list[str]:
        """Put dead items back as new; the ids of those that were there."""
        ...

    def depth(self) -> Depth: ...


class QueueError(NotNow):
    """The queue cannot be written or read; the text says why and is safe to show."""


@dataclass(frozen=True)
class Done:
    """The item's work is finished."""


@dataclass(frozen=True)
class Again:
    delay: float  # seconds
    reason: str
    expected: bool = False  # it only waits for its turn: no news for the log
    surprise: bool = False  # nobody foresaw this failure


@dataclass(frozen=True)
class Dead:
    reason: str


Verdict = Done | Again | Dead
Handler = Callable[[Item], Verdict]

# An item is dead after this many unforeseen failures, so that a poisoned item does not come again
# for ever. A claim that only waited, or that met an outage, does not count.
MAX_SURPRISES = 10


def work(queue: Queue, handler: Handler, *, lease: float) -> int:
    """One round: claim an item, handle it before its lease ends, settle it. Returns how many were claimed."""
    items = queue.claim(lease=lease)
    for item in items:
        with within(leases.budget(lease)):
            verdict = attempt(handler, item)
        settle(queue, item, verdict)
    return len(items)


def attempt(handler: Handler, item: Item) -> Verdict:
    """The handler's verdict; a surprise is logged with its traceback and tried again later."""
    try:
        return handler(item)
    except NotNow as error:
        return Again(backoff(item.attempts), str(error))
    except TooLarge as error:
        return Dead(str(error))
    except DeadlineExceeded:
        return Again(backoff(item.attempts), "the time for one attempt was used up")
    except Exception as error:  # the last line of defence: logged whole, and the item is kept
        surprises = item.surprises + 1
        log.exception("item %s failed unexpectedly at attempt %d", item.id, item.attempts)
        reason = f"unexpected {type(error).__name__}"
        if surprises >= MAX_SURPRISES:
            return Dead(reason)
        return Again(backoff(surprises), reason, surprise=True)


def settle(queue: Queue, item: Item, verdict: Verdict) -> None:
    match verdict:
        case Done():
            kept = queue.done(item)
        case Again(delay, reason, expected, surprise):
            level = logging.DEBUG if expected else logging.WARNING
            log.log(level, "%s: again in %.1f s: %s", item.id, delay, reason)
            kept = queue.retry(item, delay=delay, surprise=surprise)
        case Dead(reason):
            log.error("item %s of %s is dead: %s", item.id, queue.name, reason)
            kept = queue.dead(item, reason=reason)
    if not kept:
        log.warning("the lease of item %s of %s had run out; it may be worked twice", item.id, queue.name)


def backoff(attempts: int, *, base: float = 1.0, cap: float = 300.0) -> float:
    """Seconds to wait after the given number of attempts: doubling, capped, and half of it at random so
    that items which failed together do not come back together."""
    full = min(cap, base * 2.0 ** min(attempts - 1, 30))
    return full / 2 + random.uniform(0, full / 2)
