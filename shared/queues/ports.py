"""The durable queues, as everything else sees them: SQS on AWS, a SQLite table on one machine.

An item that was claimed and neither finished nor handed back comes again when its lease has run out:
a worker may die at any moment and nothing is lost. Order is not promised.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.storage.ports import NotNow

CAPTURES, EVENTS, DELIVERIES = "captures", "events", "deliveries"
QUEUES = (CAPTURES, EVENTS, DELIVERIES)
ABANDONED = "claimed again and again and never finished"  # why an item is dead that its side put aside


@dataclass(frozen=True)
class Item:
    """An item that one worker holds until its lease runs out. `receipt` is good for as long.

    How often the item was claimed says nothing about how often the work failed: a claim may end because the
    item waits for its turn. Unforeseen failures are counted apart.
    """

    id: str
    body: bytes
    claims: int  # how often workers have claimed it, this claim included
    added_at: datetime
    receipt: str
    surprises: int = 0  # how often the work on it failed with an unforeseen error

    @property
    def first_claim(self) -> bool:
        """Whether no worker held the item before."""
        return self.claims == 1


@dataclass(frozen=True)
class DeadItem:
    id: str
    body: bytes
    claims: int
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
