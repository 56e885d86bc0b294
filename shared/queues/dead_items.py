"""What people do with dead items: list them, put them back as new, or discard them. The commands and the
console use these functions.

`receiver.deliveries.describe_dead_items` composes the message that a dead item would have become.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.models.people import Person
from shared.phrases import counted
from shared.queues import items
from shared.queues.ports import DeadItem, Queue
from shared.storage import audit
from shared.storage.ledger.deliveries import Deliveries
from shared.storage.ports import Store
from shared.text import one_line

MOST = 10_000  # items of each queue that are read
_MAX_WHY = 500
_MAX_NOTE = 300


@dataclass(frozen=True)
class DeadEntry:
    """A dead item of one of the queues."""

    queue: str  # its name
    item: DeadItem
    # None: the item was written by a newer version, or not by huntbridge.
    content: items.Content | None = field(default=None, compare=False)

    @property
    def destination(self) -> str:
        """Empty if the item is not for one destination."""
        return self.content.destination if isinstance(self.content, items.ForDestination) else ""

    @property
    def event_id(self) -> str:
        """The id under which the ledger has the delivery; empty if the item is not one."""
        match self.content:
            case items.DeliverAlarm(alarm={"event": {"id": str(id)}}):
                return id
            case items.DeliverDigest(digest_id=id):
                return id
        return ""

    def keys(self) -> dict[str, Any]:
        """The item as it is stored, with the body of a webhook as text. Empty if it cannot be read."""
        if self.content is None:
            return {}
        keys = items.keys_of(self.item.body)
        if isinstance(self.content, items.Webhook):
            keys["webhook"] = self.content.body.decode(errors="replace")
        return keys


@dataclass(eq=False, repr=False)
class DeadItems:
    """The dead items of these queues. Each method raises QueueError or StoreError."""

    queues: Sequence[Queue]
    store: Store
    deliveries: Deliveries

    def entries(self, most: int = MOST) -> list[DeadEntry]:
        """The newest first, at most `most` of each queue."""
        entries = (
            DeadEntry(queue.name, item, _content(item))
            for queue in self.queues
            for item in queue.dead_items(most)
        )
        return sorted(entries, key=lambda entry: entry.item.died_at, reverse=True)

    def retry(self, entries: Collection[DeadEntry], person: Person, now: datetime) -> list[str]:
        """Put items back as new. Returns the ids of those that were still there."""
        revived = []
        for queue, ids in self._by_queue(entries):
            done = queue.revive(ids)
            revived += done
            what = f"{len(done)} of {queue.name}"
            self._audited(audit.DEAD_RETRY, what, person, now, {"dead": ids}, {"put_back": done})
        return revived

    def discard(self, entries: Collection[DeadEntry], person: Person, why: str, now: datetime) -> list[str]:
        """Delete items for good. Returns the ids of those that were still there. Raises ValueError if no
        reason is given."""
        why = one_line(why, _MAX_WHY)
        if not why:
            raise ValueError("the reason is missing: say why the items are discarded")
        discarded = []
        for queue, ids in self._by_queue(entries):
            of_queue = [entry for entry in entries if entry.queue == queue.name]
            before = {"dead": [f"{entry.item.id}: {entry.item.reason}" for entry in of_queue]}
            # Audited first: what is deleted without a trace would be lost.
            what = f"{counted(len(ids), 'item')} of {queue.name}"
            self._audited(audit.DEAD_DISCARD, what, person, now, before, {"discard": ids, "why": why})
            done = set(queue.discard(ids))
            discarded += [id for id in ids if id in done]
            for entry in of_queue:
                if entry.item.id in done and entry.event_id:
                    note = one_line(f"discarded by {person.name}: {why}", _MAX_NOTE)
                    self.deliveries.discard(entry.event_id, entry.destination, note)
        return discarded

    def _by_queue(self, entries: Collection[DeadEntry]) -> Iterator[tuple[Queue, list[str]]]:
        for queue in self.queues:
            if ids := [entry.item.id for entry in entries if entry.queue == queue.name]:
                yield queue, ids

    def _audited(
        self,
        action: str,
        about: str,
        person: Person,
        now: datetime,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        entry = audit.Entry(now, action, person.name, person.origin, about, before, after)
        audit.record(self.store, entry, f"{action} {about}")


def _content(item: DeadItem) -> items.Content | None:
    try:
        return items.decode(item.body)
    except ValueError:
        return None
