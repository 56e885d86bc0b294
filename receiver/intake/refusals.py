"""Webhooks that were refused: counted, logged at most once a minute for each reason, and told at most once an
hour as an event of kind `webhooks_refused`.

Counts stay in memory until their event is in the queue, so an unavailable store loses none.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from receiver.web import log_refused
from shared.models.codec import dump
from shared.models.event_kinds import WEBHOOKS_REFUSED
from shared.models.events import Event
from shared.queues import items
from shared.queues.ports import Queue
from shared.storage import kinds
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import NotNow
from shared.storage.stored_times import within_last

log = logging.getLogger(__name__)

APART = timedelta(hours=1)  # between two events
GATHERED = timedelta(minutes=1)  # before an event tells of them
LOGGED_APART = 60.0  # seconds between two lines of the log with the same status and reason
# Anybody may send from many addresses: the counts stay right, and the names are bounded.
MOST_SENDERS, SHOWN_SENDERS = 100, 10
_OTHERS = "others"
_NOTE = (kinds.REFUSAL_NOTES, "webhooks")

_Counts = dict[tuple[int, str], Counter[str]]  # status and reason: how often from which sender


class Refusals:
    def __init__(self, events: Queue, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._events, self._ledger, self._now = events, ledger, now
        self._lock = threading.Lock()
        self._untold: _Counts = {}
        self._began: datetime | None = None  # when the first of those was refused
        self._since_start: Counter[int] = Counter()
        self._last: datetime | None = None
        self._told: dict[str, Any] = {}  # when the last event was put into the queue, and its number
        self._logged: dict[tuple[int, str], tuple[float, int]] = {}  # when, and how many since without a line

    def __call__(self, status: int, reason: str, sender: str) -> None:
        """One more webhook was refused."""
        with self._lock:
            self._last = self._now()
            self._began = self._began or self._last
            self._since_start[status] += 1
            _add(self._untold, (status, reason), _address(sender), 1)
            at, unlogged = self._logged.get((status, reason), (-math.inf, 0))
            quiet = time.monotonic() - at < LOGGED_APART
            self._logged[status, reason] = (at, unlogged + 1) if quiet else (time.monotonic(), 0)
        if not quiet:
            more = f"{reason} ({unlogged} more like it since the last line)" if unlogged else reason
            log_refused(status, more, _address(sender))

    def summary(self) -> dict[str, Any]:
        """For `/health`: how many since the start, by status."""
        with self._lock:
            counts = {str(status): count for status, count in sorted(self._since_start.items())}
            return {**counts, "last": self._last.isoformat() if self._last else None}

    def tell(self) -> None:
        """Put the event into [events] where one is due. Safe to call at any time."""
        now = self._now()
        with self._lock:
            if self._began is None or within_last(GATHERED, self._began, now):
                return
        try:
            self._told = self._told or self._ledger.notes.get(*_NOTE)
            at = self._told.get("at")
            if at and within_last(APART, datetime.fromisoformat(at), now):
                return
            self._put(now, number=int(self._told.get("times", 0)) + 1)
        except NotNow as error:
            log.warning("refused webhooks cannot be told of now: %s", error)

    def _put(self, now: datetime, *, number: int) -> None:
        with self._lock:
            counts, self._untold = self._untold, {}
            began, self._began = self._began, None
        event = Event(
            id=f"{WEBHOOKS_REFUSED}:{number}:{now:%Y-%m-%dT%H:%M:%SZ}",
            kind=WEBHOOKS_REFUSED,
            received_at=now,
            text="\n".join(_line(*what, senders) for what, senders in sorted(counts.items())),
            alarms=sum(senders.total() for senders in counts.values()),
        )
        try:
            self._events.put(items.own_event(dump(event)), id=event.id)
        except NotNow:
            self._keep(counts, began)
            raise
        self._told = {"at": now.isoformat(), "times": number}
        self._ledger.notes.save(*_NOTE, self._told)

    def _keep(self, counts: _Counts, began: datetime | None) -> None:
        with self._lock:
            self._began = began
            for what, senders in counts.items():
                for sender, count in senders.items():
                    _add(self._untold, what, sender, count)


def _add(counts: _Counts, what: tuple[int, str], sender: str, count: int) -> None:
    senders = counts.setdefault(what, Counter())
    known = sender in senders or len(senders) < MOST_SENDERS
    senders[sender if known else _OTHERS] += count


def _line(status: int, reason: str, senders: Counter[str]) -> str:
    total = senders.total()
    shown = [(sender, count) for sender, count in senders.most_common() if sender != _OTHERS][:SHOWN_SENDERS]
    named = [f"{sender} ({count:,})" for sender, count in shown]
    if rest := total - sum(count for _, count in shown):
        named.append(f"others ({rest:,})")
    return f"{status}, {total:,} time{'' if total == 1 else 's'}, from {', '.join(named)}: {reason}"


def _address(sender: str) -> str:
    """A proxy may hand on any text as the sender's address."""
    try:
        return str(ipaddress.ip_address(sender))
    except ValueError:
        return "an unknown address"
