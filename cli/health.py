"""The answer of `/health` of `serve`, and the limits above which `serve` accepts no more webhooks."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from receiver.intake.refusals import Refusals
from shared.hosting.runtime import Runtime
from shared.local.server import Server
from shared.queues.ports import Queue, QueueError
from shared.storage import kinds
from shared.storage.last_delivered import LastDelivered
from shared.storage.ports import NotNow
from shared.storage.stored_times import why_unset


class Health:
    def __init__(
        self, runtime: Runtime, server: Server, refusals: Refusals, closed: Callable[[], str] = str
    ) -> None:
        """`closed` returns the reason for refusing all webhooks, or an empty string."""
        self._runtime, self._server, self._refusals, self._closed = runtime, server, refusals, closed

    def __call__(self) -> dict[str, Any]:
        """The health as a JSON object. The web app answers 503 if `problems` is not empty."""
        runtime, problems, health = self._runtime, self._server.problems(), {}
        now = runtime.now()
        problems += filter(None, (why_unset(now), self._closed()))
        try:
            runtime.store.put(kinds.NOTE, kinds.HEALTH_NOTES, "write", {"at": now.isoformat()}, durable=False)
            for queue in (runtime.captures, runtime.events, runtime.deliveries):
                health[queue.name] = _depth(queue, now)
            health["delivered"] = LastDelivered(runtime.store, runtime.now).of(runtime.config.destinations)
        except NotNow as error:
            problems.append(str(error))
        health |= {"refused": self._refusals.summary(), "threads": self._server.signs()}
        return {"problems": problems, **health}


def _depth(queue: Queue, now: datetime) -> dict[str, Any]:
    depth = queue.depth()
    oldest = None if depth.oldest is None else max(0, round((now - depth.oldest).total_seconds()))
    return {"waiting": depth.living, "dead": depth.dead, "oldest_seconds": oldest}


class Quota:
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
