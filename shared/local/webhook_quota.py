"""Decides whether one machine has room for one more webhook: a limit of its queues, and of its disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from shared.queues.ports import Queue, QueueError


class WebhookQuota:
    """Decides whether there is room for one more webhook.

    huntbridge's own events are always accepted; a part of the disk is kept free for them.
    """

    CACHED_FOR = 1.0  # seconds

    def __init__(self, queues: Iterable[Queue], data: Path, most: int, keep_free: int) -> None:
        """`most`: the most items in all queues together. `keep_free`: bytes of the disk that stay free."""
        self._queues, self._data, self._most, self._keep_free = tuple(queues), data, most, keep_free
        self._looked: float | None = None
        self._reason = ""

    def __call__(self) -> str:
        """The reason for refusing a webhook; empty if it can be accepted."""
        if self._looked is None or time.monotonic() - self._looked > self.CACHED_FOR:
            self._looked, self._reason = time.monotonic(), self._look()
        return self._reason

    def _look(self) -> str:
        try:
            waiting = sum(queue.depth().living for queue in self._queues)
            free = shutil.disk_usage(self._data).free
        except (QueueError, OSError):  # storing the webhook fails too, and its sender gets an error
            return ""
        if waiting >= self._most:
            # Do not put the number of waiting items into this sentence: refusals are counted per sentence.
            return f"The queue is full (webhook.max_waiting is {self._most:,}); send it again later."
        if free < self._keep_free:
            return "The disk is almost full (webhook.keep_free_mb); send it again later."
        return ""
