"""Counts refused webhooks in the web function, and hands the counts to the workers as items of [events].

The function may read and write no store. Anybody can make it refuse webhooks, so it puts at most MOST items a
minute. What it refuses beyond them is counted in memory, and goes with the first item of a later minute. So
does what was refused because nothing could be stored.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from receiver.intake.refusal_log import log_refused
from shared.queues import items
from shared.queues.ports import Queue, QueueError

log = logging.getLogger(__name__)

MOST, PERIOD = 6, 60.0  # items, in so many seconds
_MAX_REASON = 200  # characters


class RefusalItems:
    """For one process of the web function."""

    def __init__(self, events: Queue, now: Callable[[], datetime]) -> None:
        self._events, self._now = events, now
        self._lock = threading.Lock()
        self._counts: dict[int, dict[str, Any]] = {}  # by status, what was put into no item yet
        self._put_at: deque[float] = deque(maxlen=MOST)

    def __call__(self, status: int, reason: str, sender: str) -> None:
        """Log and count one more refused webhook."""
        log_refused(status, reason, sender)
        now = self._now()
        with self._lock:
            count = self._counts[status]["count"] if status in self._counts else 0
            self._counts[status] = {
                "status": status,
                "count": count + 1,
                "at": now.isoformat(),
                "reason": reason[:_MAX_REASON],
                "sender": sender,
            }
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return  # the queue may be what fails, and the sender must not wait for it twice
            if len(self._put_at) == MOST and 0 <= now.timestamp() - self._put_at[0] < PERIOD:
                return
            self._put_at.append(now.timestamp())
            counts, self._counts = self._counts, {}
        try:
            self._events.put(items.encode(items.RefusedWebhooks(list(counts.values()))))
        except QueueError as error:
            # Not kept: the log has a line for each of them, and a metric counts the lines.
            log.warning("refused webhooks not counted", extra={"reason": error})
