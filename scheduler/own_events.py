"""Events that the scheduler raises itself: a hunt has finished, a capture has failed, a webhook is broken, ….

Where an event goes with a change of the ledger, raise the event first. A crash in between then raises it
again, and its id makes the repetition harmless. The other order could lose the event.
"""

from __future__ import annotations

from shared.models.codec import dump
from shared.models.events import Event
from shared.queues import items
from shared.queues.ports import Queue


def raise_event(events: Queue, event: Event) -> None:
    """Queue an event. Raises QueueError."""
    events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
