"""Raises the scheduler's own events: a hunt has finished, a capture has failed, a webhook is broken, ….

If an event belongs to a change of the ledger, raise the event first. After a crash between the two, the event
is raised again, and its id makes the repetition harmless. The other order could lose the event.
"""

from __future__ import annotations

from shared.models.codec import dump
from shared.models.events import Event
from shared.queues import items
from shared.queues.ports import Queue


def raise_event(events: Queue, event: Event) -> None:
    """Queue an event. Raises QueueError."""
    events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
