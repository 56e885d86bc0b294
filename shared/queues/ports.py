"""The interface of the three durable queues: SQS on AWS, a SQLite table on one machine.

A claimed item that is neither finished nor handed back can be claimed again when its lease has run out, so
nothing is lost when a worker dies. The order of items is not guaranteed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.storage.ports import NotNow

CAPTURES, EVENTS, DELIVERIES = "captures", "events", "deliveries"
QUEUES = (CAPTURES, EVENTS, DELIVERIES)
# The reason of items that a queue itself put among the dead.
ABANDONED = "claimed again and again and never finished"


@dataclass(frozen=True)
class Item:
    """An item that one worker holds until its lease runs out. `receipt` is valid until then.

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
    """An item that is not tried any more, until somebody revives or discards it."""

    id: str
    body: bytes
    claims: int
    added_at: datetime
    died_at: datetime
    reason: str


@dataclass(frozen=True)
class Depth:
    """How many items a queue has. `ready` items can be claimed now. `oldest`: when the oldest living item
    came in; None if there is none or the queue does not know. SQS counts a retried item as leased."""

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
        self,
        body: bytes,
        *,
        id: str = "",
        delay: float = 0,
        urgent: bool = False,
        durable: bool = True,
        lane: str = "",
    ) -> str:
        """Add an item, and return its id once the item is durable. `durable`: as in `Store.put`.

        `delay`: seconds until the item can be claimed. An `urgent` item is handed out ahead of others, if the
        queue can do that. `lane`: what the item has to wait for, such as its destination; a queue that knows
        lanes hands out only so many items of each at once. A second item with the `id` of a living item is
        ignored if the queue notices it; handlers are idempotent by id in any case. Raises QueueError if the
        item could not be added, and TooLarge if it never can be.
        """
        ...

    def claim(self, limit: int = 1, *, lease: float) -> list[Item]:
        """Up to `limit` items that are due. Nobody else can claim them for `lease` seconds."""
        ...

    def done(self, item: Item) -> bool:
        """Forget a claimed item. False if the lease had run out, so that another worker may hold the item."""
        ...

    def retry(self, item: Item, *, delay: float, surprise: bool = False) -> bool:
        """Hand a claimed item back, to be claimed again after `delay` seconds. `surprise` adds one to its
        `surprises`. False as for `done`."""
        ...

    def dead(self, item: Item, *, reason: str) -> bool:
        """Put a claimed item among the dead items, where it is kept with the reason. False as for `done`."""
        ...

    def adopt(self, tell: Callable[[Item], None]) -> None:
        """Find the items that the queue itself put among the dead, because no worker ever finished them. Call
        `tell` for each such item, and then keep the item as `dead` does."""
        ...

    def dead_items(self, limit: int = 100) -> list[DeadItem]:
        """At most `limit` dead items, the newest first."""
        ...

    def revive(self, ids: Collection[str]) -> list[str]:
        """Put dead items back as new items. Returns the ids that were there."""
        ...

    def discard(self, ids: Collection[str]) -> list[str]:
        """Delete dead items for good. Returns the ids that were there."""
        ...

    def depth(self) -> Depth:
        """How many items there are. Raises QueueError."""
        ...


class QueueError(NotNow):
    """The queue cannot be read or written. The text says why and contains no secret."""


@dataclass(frozen=True)
class Done:
    """The item's work is finished."""


@dataclass(frozen=True)
class Again:
    """The item is tried again later."""

    delay: float  # seconds
    reason: str
    expected: bool = False  # the item only waits for its turn, so there is no warning in the log
    surprise: bool = False  # the failure was not foreseen


@dataclass(frozen=True)
class Dead:
    """The item cannot be handled. It is kept among the dead items."""

    reason: str


Verdict = Done | Again | Dead
Handler = Callable[[Item], Verdict]
