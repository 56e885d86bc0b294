"""Counts refused webhooks, logs them, and reports them to people at most once an hour as an event of kind
`webhooks_refused`.

Counts stay in memory until their event is in the queue, so none is lost while the queue is unavailable.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from receiver.intake.refusal_log import QuietRefusalLog, address_of
from shared.models.codec import dump
from shared.models.event_kinds import WEBHOOKS_REFUSED
from shared.models.events import Event
from shared.phrases import counted
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage import kinds
from shared.storage.ledger.notes import Notes
from shared.storage.ledger.refusals import RefusalCounts, Refused
from shared.storage.ports import NotNow
from shared.storage.stored_times import within_last

log = logging.getLogger(__name__)

EVENT_INTERVAL = timedelta(hours=1)  # between two events
COLLECT_FOR = timedelta(minutes=1)  # before an event reports them
# Anybody may send from many addresses. The counts are complete; only the number of listed addresses is
# limited.
MAX_SENDERS, SHOWN_SENDERS = 100, 10
_OTHERS = "others"
_NOTE = (kinds.REFUSAL_NOTES, "webhooks")

_Counts = dict[tuple[int, str], Counter[str]]  # by status and reason, the number of refusals of each sender


class Refusals:
    def __init__(
        self, events: Queue, notes: Notes, counts: RefusalCounts, now: Callable[[], datetime]
    ) -> None:
        self._events, self._notes, self._counts, self._now = events, notes, counts, now
        self._lock = threading.Lock()
        self._unreported: _Counts = {}
        self._first_at: datetime | None = None  # when the first of these was refused
        self._since_start: Counter[int] = Counter()
        self._uncounted: dict[int, Refused] = {}  # by status, what is not in the ledger yet
        self._last_at: datetime | None = None
        self._last_event: dict[str, Any] = {}  # when the last event was queued, and its number
        self._log = QuietRefusalLog()

    def __call__(self, status: int, reason: str, sender: str) -> None:
        """Count and log one more refused webhook."""
        self.count(status, reason, sender, 1)
        self._log(status, reason, sender)

    def count(self, status: int, reason: str, sender: str, number: int) -> None:
        """Count webhooks that another process refused and logged."""
        sender = address_of(sender)
        with self._lock:
            self._last_at = self._now()
            self._first_at = self._first_at or self._last_at
            self._since_start[status] += number
            count = self._uncounted[status].count if status in self._uncounted else 0
            self._uncounted[status] = Refused(status, count + number, self._last_at, reason, sender)
            _add(self._unreported, (status, reason), sender, number)

    def summary(self) -> dict[str, Any]:
        """For `/health`: how many webhooks were refused since the start, by status."""
        with self._lock:
            counts = {str(status): count for status, count in sorted(self._since_start.items())}
            return {**counts, "last": self._last_at.isoformat() if self._last_at else None}

    def report(self) -> None:
        """Enter the counts into the ledger, and put an event into [events] if one is due. May be called at
        any time."""
        now = self._now()
        self._count()
        with self._lock:
            if self._first_at is None or within_last(COLLECT_FOR, self._first_at, now):
                return
        try:
            self._last_event = self._last_event or self._notes.get(*_NOTE)
            at = self._last_event.get("at")
            if at and within_last(EVENT_INTERVAL, datetime.fromisoformat(at), now):
                return
            self._put(now, number=int(self._last_event.get("times", 0)) + 1)
        except NotNow as error:
            log.warning("refused webhooks not reported yet", extra={"reason": error})

    def _count(self) -> None:
        with self._lock:
            uncounted, self._uncounted = self._uncounted, {}
        if not uncounted:
            return
        try:
            self._counts.add(uncounted.values())
        except NotNow as error:
            log.warning("refused webhooks not counted yet", extra={"reason": error})
            with self._lock:
                for status, earlier in uncounted.items():
                    later = self._uncounted.get(status)
                    self._uncounted[status] = (
                        replace(later, count=later.count + earlier.count) if later else earlier
                    )

    def _put(self, now: datetime, *, number: int) -> None:
        with self._lock:
            counts, self._unreported = self._unreported, {}
            first_at, self._first_at = self._first_at, None
        event = Event(
            id=f"{WEBHOOKS_REFUSED}:{number}:{now:%Y-%m-%dT%H:%M:%SZ}",
            kind=WEBHOOKS_REFUSED,
            received_at=now,
            text="\n".join(_line(*refusal, senders) for refusal, senders in sorted(counts.items())),
            alarms=sum(senders.total() for senders in counts.values()),
        )
        try:
            self._events.put(items.encode(items.OwnEvent(dump(event))), id=event.id)
        except NotNow:
            self._restore(counts, first_at)
            raise
        self._last_event = {"at": now.isoformat(), "times": number}
        self._notes.save(*_NOTE, self._last_event)

    def _restore(self, counts: _Counts, first_at: datetime | None) -> None:
        with self._lock:
            self._first_at = first_at
            for refusal, senders in counts.items():
                for sender, count in senders.items():
                    _add(self._unreported, refusal, sender, count)


def _add(counts: _Counts, refusal: tuple[int, str], sender: str, count: int) -> None:
    senders = counts.setdefault(refusal, Counter())
    known = sender in senders or len(senders) < MAX_SENDERS
    senders[sender if known else _OTHERS] += count


def _line(status: int, reason: str, senders: Counter[str]) -> str:
    total = senders.total()
    shown = [(sender, count) for sender, count in senders.most_common() if sender != _OTHERS][:SHOWN_SENDERS]
    named = [f"{sender} ({count:,})" for sender, count in shown]
    if rest := total - sum(count for _, count in shown):
        named.append(f"others ({rest:,})")
    return f"{status}, {counted(total, 'time')}, from {', '.join(named)}: {reason}"
