"""Works a queue: claims items, hands each to its handler, and settles the item by the handler's verdict.

A handler that raises does not stop the worker. After an outage, or if its time is used up, an item is tried
again. An unforeseen error is logged with its traceback, and the item is tried again a limited number of
times.
"""

from __future__ import annotations

import logging
import random

from shared import log_context
from shared.http.deadlines import DeadlineExceeded, within
from shared.queues import leases
from shared.queues.ports import Again, Dead, Done, Handler, Item, Queue, Verdict
from shared.storage.ports import NotNow, TooLarge
from shared.text import clean

log = logging.getLogger(__name__)

# An item is dead after this many unforeseen failures, so that it is not tried for ever. Claims that ended
# because the item had to wait, or because of an outage, do not count.
MAX_SURPRISES = 10


def work(queue: Queue, handler: Handler, *, lease: float) -> int:
    """Claim one item, handle it before its lease ends, and settle it. Returns how many items were claimed."""
    items = queue.claim(lease=lease)
    for item in items:
        work_on(queue, handler, item, lease=lease)
    return len(items)


def work_on(queue: Queue, handler: Handler, item: Item, *, lease: float) -> None:
    """Handle a claimed item before its lease ends, and settle it."""
    with log_context.scope():
        with within(leases.budget(lease)):
            verdict = attempt(handler, item)
        settle(queue, item, verdict)


def attempt(handler: Handler, item: Item) -> Verdict:
    """The handler's verdict, or what an error that it raises means for the item."""
    try:
        return handler(item)
    except NotNow as error:
        return Again(backoff(item.claims), str(error))
    except TooLarge as error:
        return Dead(str(error))
    except DeadlineExceeded:
        return Again(backoff(item.claims), "the time for one attempt was used up")
    except Exception as error:  # the error is logged with its traceback, and the item is kept
        surprises = item.surprises + 1
        log.exception("item failed unexpectedly", extra={"item": item.id, "surprises": surprises})
        reason = f"unexpected {type(error).__name__}"
        if surprises >= MAX_SURPRISES:
            return Dead(reason)
        return Again(backoff(surprises), reason, surprise=True)


def settle(queue: Queue, item: Item, verdict: Verdict) -> None:
    """Tell the queue what happens to a claimed item."""
    keys = {"item": item.id, "queue": queue.name}
    match verdict:
        case Done():
            kept = queue.done(item)
        case Again(delay, reason, expected, surprise):
            level = logging.DEBUG if expected else logging.WARNING
            keys_of_retry = {**keys, "seconds": round(delay, 1), "reason": reason}
            log.log(level, "item tried again later", extra=keys_of_retry)
            kept = queue.retry(item, delay=delay, surprise=surprise)
        case Dead(reason):
            log.error("item is dead", extra={**keys, "reason": reason})
            # A reason may quote a peer, and half a character of it cannot be stored.
            kept = queue.dead(item, reason=clean(reason, len(reason)))
    if not kept:
        log.warning("the lease of an item had run out, so it may be worked twice", extra=keys)


def backoff(attempts: int, *, base: float = 1.0, cap: float = 300.0) -> float:
    """Seconds to wait after so many attempts. They double with each attempt up to the cap. Half of them is
    random, so that items which failed together do not come back together."""
    seconds = min(cap, base * 2.0 ** min(attempts - 1, 30))
    return seconds / 2 + random.uniform(0, seconds / 2)
