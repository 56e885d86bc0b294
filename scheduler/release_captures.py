"""Releases planned captures: limits how many captures of a hunt are under way at once.

A planned capture becomes an item of [captures] when fewer than `max_in_flight` are under way and the hunt's
window is open.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta

from scheduler.max_in_flight import max_in_flight
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.hunts import Hunt, hunt_name
from shared.models.kinds_of_system import CONTAINERS
from shared.queues import items
from shared.storage.ledger.ledger import Ledger

log = logging.getLogger(__name__)

ENDED = (CaptureState.PROCESSED, CaptureState.FAILED)
# One call of `release` stops after this time. Otherwise ten thousand items could take longer than a Lambda
# invocation or a lease.
_AT_MOST = timedelta(seconds=50)
_AT_ONCE = 8  # captures of a large hunt that are released at the same time
_FEW = 32  # so many are released one after another, in their order


def waits(capture: Capture) -> bool:
    """Whether the capture has not been released yet."""
    return capture.state is CaptureState.PLANNED and capture.released_at is None


def may_start(runtime: Runtime, hunt: Hunt) -> bool:
    """Whether the hunt's window is open."""
    definition = runtime.config.hunts.get(hunt.name)
    return definition is None or definition.may_start(runtime.now())


def release(
    runtime: Runtime,
    hunt: Hunt,
    captures: Sequence[Capture],
    limit_of: Callable[[], int | None] | None = None,
) -> bool:
    """Queue as many captures as may start now, about in the order in which they are planned. Containers come
    first, since they may live for minutes only. `captures`: all captures of the hunt. `limit_of`: returns
    how many may be under way; None to ask now. Returns True if time ran out before all were queued. Raises
    Unavailable, SecretError."""
    waiting = [capture for capture in captures if waits(capture)]
    waiting.sort(key=lambda capture: capture.system.kind not in CONTAINERS)
    if not waiting or not may_start(runtime, hunt):
        return False
    limit = limit_of() if limit_of else max_in_flight(runtime, runtime.config.hunts.get(hunt.name))
    if limit is not None:
        under_way = sum(capture.state not in ENDED for capture in captures) - len(waiting)
        waiting = waiting[: max(0, limit - under_way)]
    began = runtime.now()
    # Each release waits twice for the disk, or for AWS. One after another, they would be slower than the
    # requests that they lead to.
    at_once = _AT_ONCE if len(waiting) > _FEW else 1
    with ThreadPoolExecutor(at_once, thread_name_prefix="release") as pool:
        for first in range(0, len(waiting), _FEW):
            if runtime.now() - began > _AT_MOST:
                return True
            some = waiting[first : first + _FEW]
            futures = [pool.submit(copy_context().run, _release, runtime, capture) for capture in some]
            for future in futures:
                future.result()
    if waiting:
        log.info("captures released", extra={"hunt": hunt.id, "count": len(waiting)})
    return False


def _release(runtime: Runtime, capture: Capture) -> None:
    # Enqueue before recording. After a crash in between, the item is queued twice, which its id and the claim
    # make harmless. The other order could lose the capture.
    enqueue(runtime, capture)
    runtime.ledger.captures.update(capture, released_at=runtime.now())


def plan_again(ledger: Ledger, capture: Capture, reason: str) -> Capture:
    """Plan a failed capture again."""
    return ledger.captures.update(
        capture,
        state=CaptureState.PLANNED,
        reason=reason,
        attempt=capture.attempt + 1,
        pipeline_ids=(),
        earlier_pipeline_ids=(*capture.earlier_pipeline_ids, *capture.pipeline_ids),
        released_at=None,
        ended_at=None,
        progress="",
        progress_at=None,
        stalled=False,
    )


def enqueue(runtime: Runtime, capture: Capture) -> None:
    """Queue the request of one capture, delayed by its share of the hunt's jitter."""
    delay = _delay(runtime, capture)
    until = runtime.now().timestamp() + delay + runtime.config.platform.retry_for
    again = f"#{capture.attempt}" if capture.attempt > 1 else ""
    runtime.captures.put(
        items.encode(items.RequestCapture(capture.hunt_id, dump(capture.system), until)),
        id=f"capture:{capture.hunt_id}:{capture.system.key}{again}",
        delay=delay,
    )


def _delay(runtime: Runtime, capture: Capture) -> float:
    """The capture's share of the hunt's jitter, in seconds. It is always the same for one capture."""
    definition = runtime.config.hunts.get(hunt_name(capture.hunt_id))
    if definition is None or not definition.jitter:
        return 0.0
    digest = hashlib.sha256(f"{capture.hunt_id} {capture.system.key}".encode()).digest()
    return definition.jitter * int.from_bytes(digest[:4]) / 2**32
