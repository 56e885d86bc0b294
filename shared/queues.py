"""The durable queues, as everything else sees them: SQS on AWS, a SQLite table on one machine.

An item that was claimed and neither finished nor handed back comes again when its lease has run out:
a worker may die at any moment and nothing is lost. Order is not promised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

CAPTURES, EVENTS, DELIVERIES = "captures", "events", "deliveries"
QUEUES = (CAPTURES, EVENTS, DELIVERIES)


@dataclass(frozen=True)
class Item:
    """One claimed item. `receipt` is only good until the lease runs out."""

    id: str
    body: bytes
    attempts: int  # how many times it has been claimed, this time included
    added_at: datetime
    receipt: str


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
    """How full a queue is. `ready` can be claimed now; `oldest` is when the oldest living item came in."""

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

    def put(self, body: bytes, *, id: str = "", delay: float = 0) -> str:
        """Add an item and return its id, when it is durable and not before.

        With an `id`, an item that is still in the queue under that id makes this a no-op.
        `delay` is in seconds. Raises QueueError where the item could not be made durable.
        """
        ...

    def claim(self, limit: int = 1, *, lease: float) -> list[Item]:
        """Up to `limit` items that are due, invisible to everyone else for `lease` seconds."""
        ...

    def done(self, item: Item) -> bool:
        """Forget a claimed item. False where the lease had run out and another holds it now."""
        ...

    def retry(self, item: Item, *, delay: float) -> bool:
        """Hand a claimed item back; it is due again after `delay` seconds."""
        ...

    def dead(self, item: Item, *, reason: str) -> bool:
        """Keep a claimed item whole, out of the way, with the reason."""
        ...

    def dead_items(self, limit: int = 100) -> list[DeadItem]: ...

    def revive(self, id: str) -> bool:
        """Put a dead item back as new."""
        ...

    def depth(self) -> Depth: ...


class QueueError(Exception):
    """The queue cannot be written or read; the text says why and is safe to show."""
