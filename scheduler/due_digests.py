"""Queues the digests of held alarms when they are due: when the hours of their route begin, or when their
hunt has ended. The receiver tells them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.failures import attempt_each
from shared.hosting.runtime import Runtime
from shared.models.holds import PROJECT, WaitingDigest
from shared.queues import items

_AHEAD = timedelta(minutes=5)  # a digest is queued so long before it is due, so that it is told in time
# The last alarms of a hunt come when the hunt has ended, or shortly after.
_AFTER_HUNT = timedelta(minutes=2)
# If nobody knows when the hunt ends, or it does not end: so long after the last alarm.
_UNKNOWN_END = timedelta(hours=1)
_NO_END = timedelta(days=1)


def queue_due_digests(runtime: Runtime) -> None:
    """Several timers may do this at once. Raises SomeFailed after the other digests were handled."""
    now = runtime.now()

    def queue(waiting: WaitingDigest) -> None:
        due = _due(runtime, waiting)
        if due > now + _AHEAD:
            return
        # Enqueue before removing. After a crash in between, the digest is queued again, which does no harm.
        item = items.DigestDue(waiting.destination, waiting.id)
        delay = max(0.0, (due - now).total_seconds())
        runtime.events.put(items.encode(item), id=f"due:{waiting.id}:{waiting.destination}", delay=delay)
        runtime.ledger.waiting_digests.remove(waiting)

    attempt_each(runtime.ledger.waiting_digests.all(), queue, lambda waiting: f"digest {waiting.id}")


def _due(runtime: Runtime, waiting: WaitingDigest) -> datetime:
    hold = waiting.hold
    if hold.until:
        return hold.until
    hunt = None if hold.hunt.startswith(PROJECT) else runtime.ledger.hunts.get(hold.hunt)
    if hunt is None:
        due = waiting.last_at + _UNKNOWN_END
    elif hunt.over or hunt.attempt != hold.attempt:
        due = max(waiting.last_at, hunt.finished_at or waiting.last_at) + _AFTER_HUNT
    else:
        due = waiting.last_at + _NO_END
    return hold.hours.opening(due) if hold.hours else due
