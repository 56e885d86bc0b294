"""The answer of `/health` of `serve`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from receiver.intake.refusals import Refusals
from shared.hosting.runtime import Runtime
from shared.local.server import Server
from shared.queues.ports import Queue
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
