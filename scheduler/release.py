"""How many captures of a hunt are under way at once: planned ones come in, items of [captures] go out.

A capture is planned in the ledger, and becomes an item only when it is its turn: while fewer than
`max_in_flight` are under way, and inside the hunt's window. What ends makes room for the next. It asks the
platform only how much it works on at once, and only where the definition does not say.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from shared.config.hunts import HuntConfig
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.hunts import Hunt, hunt_name
from shared.platform.errors import CadoError, Unavailable
from shared.queues import items

log = logging.getLogger(__name__)

ENDED = (CaptureState.PROCESSED, CaptureState.FAILED)
# Seconds after which one call stops, so that ten thousand items do not outlast a Lambda or a lease.
_AT_MOST = timedelta(seconds=50)


def waits(capture: Capture) -> bool:
    """Whether it is not its turn yet."""
    return capture.state is CaptureState.PLANNED and capture.released_at is None


def may_start(runtime: Runtime, hunt: Hunt) -> bool:
    definition = runtime.config.hunts.get(hunt.name)
    return definition is None or definition.may_start(runtime.now())


def release(runtime: Runtime, hunt: Hunt, captures: Sequence[Capture]) -> bool:
    """Queue as many captures as may start now, in the order in which they are planned. `captures` are all of
    the hunt's. True where there was no time for all of them. Raises Unavailable, SecretError."""
    waiting = [capture for capture in captures if waits(capture)]
    if not waiting or not may_start(runtime, hunt):
        return False
    limit = _limit(runtime, runtime.config.hunts.get(hunt.name))
    if limit is not None:
        under_way = sum(capture.state not in ENDED for capture in captures) - len(waiting)
        waiting = waiting[: max(0, limit - under_way)]
    began = runtime.now()
    for capture in waiting:
        if runtime.now() - began > _AT_MOST:
            return True
        # The item first: a crash in between queues it again, which its id and the claim make harmless.
        put(runtime, capture)
        runtime.ledger.captures.update(capture, released_at=runtime.now())
    if waiting:
        log.info("hunt %s: %d captures may start", hunt.id, len(waiting))
    return False


def plan_again(runtime: Runtime, capture: Capture, reason: str) -> Capture:
    """A capture that failed waits for its turn once more."""
    return runtime.ledger.captures.update(
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


def put(runtime: Runtime, capture: Capture) -> None:
    """Queue one capture."""
    delay = _delay(runtime, capture)
    until = runtime.now().timestamp() + delay + runtime.config.platform.retry_for
    again = f"#{capture.attempt}" if capture.attempt > 1 else ""
    runtime.captures.put(
        items.capture(capture.hunt_id, dump(capture.system), until),
        id=f"capture:{capture.hunt_id}:{capture.system.key}{again}",
        delay=delay,
    )


def _limit(runtime: Runtime, definition: HuntConfig | None) -> int | None:
    """None where there is none."""
    if definition and definition.max_in_flight:
        return definition.max_in_flight
    try:
        return runtime.cado.pipelines_status().limit
    except Unavailable as error:
        if error.retryable:
            raise
    except CadoError as error:
        log.debug("the platform does not say how much it works on at once: %s", error)
    return None


def _delay(runtime: Runtime, capture: Capture) -> float:
    """Its place within the jitter: always the same one, so that a repeat changes nothing."""
    definition = runtime.config.hunts.get(hunt_name(capture.hunt_id))
    if definition is None or not definition.jitter:
        return 0.0
    digest = hashlib.sha256(f"{capture.hunt_id} {capture.system.key}".encode()).digest()
    return definition.jitter * int.from_bytes(digest[:4]) / 2**32
