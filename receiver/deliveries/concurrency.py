"""Limits how many workers of this process are busy with one destination.

So a destination that hangs cannot occupy all workers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

_SHORTEST_WAIT, _LONGEST_WAIT = 0.05, 10.0  # seconds
# Seconds that a worker waits for a place. If a destination has been busy for longer, it may stay busy.
_MOMENT = 0.25


class ConcurrencyLimit:
    """The places at one destination. Safe to use from several threads."""

    def __init__(self, count: int, now: Callable[[], datetime]) -> None:
        self._count, self._now = count, now
        self._freed = threading.Condition()
        self._since: dict[str, datetime] = {}  # by holder
        self._somebody_waits = False

    def acquire(self, holder: str) -> bool:
        """Whether `holder` has a place, from now on or already.

        If all places are taken, but only for a moment so far, one worker waits here for the next free place.
        To put an item back and claim it again would cost more than to send a message.
        """
        with self._freed:
            if holder in self._since:
                return True
            if self._is_full() and not self._somebody_waits and self._busy_for() < _MOMENT:
                self._somebody_waits = True
                self._freed.wait_for(lambda: not self._is_full(), _MOMENT)
                self._somebody_waits = False
            if self._is_full():
                return False
            self._since[holder] = self._now()
            return True

    def release(self, holder: str) -> None:
        """Free the place. Does nothing if `holder` has none."""
        with self._freed:
            self._since.pop(holder, None)
            self._freed.notify()

    def retry_after(self) -> float:
        """Seconds after which to try again. They grow with the time for which no place became free."""
        with self._freed:
            return min(max(self._busy_for(), _SHORTEST_WAIT), _LONGEST_WAIT)

    def _is_full(self) -> bool:
        return len(self._since) >= self._count

    def _busy_for(self) -> float:
        """Seconds since the oldest of the places was taken."""
        now = self._now()
        return (now - min(self._since.values(), default=now)).total_seconds()
