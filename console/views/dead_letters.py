"""Dead letters: the items of the queues that are not tried any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from receiver.deliveries.describe_dead_items import message_of, title_of
from shared.queues.dead_items import DeadEntry, DeadItems
from shared.text import one_line

SHOWN = 100  # of each queue
LONGEST = 500  # characters of a text


@dataclass(frozen=True)
class DeadLetter:
    """One dead item of a queue."""

    id: str
    queue: str
    destination: str  # empty if it is not for one destination
    what: str  # the title of its message, or its kind in words
    severity: str  # of its alarm; empty if it has none
    case: str  # the key of its case; empty if it has none
    event_id: str
    reason: str
    attempts: int
    added_at: datetime
    died_at: datetime


def dead_letters(items: DeadItems, shown: int = SHOWN) -> tuple[DeadLetter, ...]:
    """The newest first. Raises QueueError."""
    return tuple(map(_letter, items.entries(shown)))


def _letter(entry: DeadEntry) -> DeadLetter:
    message = message_of(entry)
    found = message is not None and bool(message.malicious or message.suspicious)
    return DeadLetter(
        id=entry.item.id,
        queue=entry.queue,
        destination=entry.destination,
        what=one_line(title_of(entry), LONGEST),
        severity=message.severity.value if message and found else "",
        case=message.case_key if message and entry.destination and found else "",
        event_id=entry.event_id,
        reason=one_line(entry.item.reason, LONGEST),
        attempts=entry.item.claims,
        added_at=entry.item.added_at,
        died_at=entry.item.died_at,
    )
