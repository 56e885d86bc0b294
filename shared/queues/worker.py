"""Works a queue: claims items, hands each to its handler, and settles the item by the handler's verdict.

A handler that raises does not stop the worker. Outages and used-up time are tried again; an unforeseen error
is logged with its traceback and tried again a limited number of times.
"""

from __future__ import annotations

import logging
import random

from shared.http.deadlines import DeadlineExceeded, within
from shared.queues import leases
from shared.queues.ports import Again, Dead, Done, Handler, Item, Queue, Verdict
from shared.storage.ports import NotNow, TooLarge

log = logging.getLogger(__name__)

# An item is dead after this many unforeseen failures, so that a poisoned item does not come again
# for ever. A claim that only waited, or that met an outage, does not count.
MAX_SURPRISES = 10


def work(queue: Queue, handler: Handler, *, lease: float) -> int:
    """One round: claim an item, handle it before its lease ends, settle it. Returns how many were claimed."""
    items = queue.claim(lease=lease)
    for item in items:
        with within(leases.budget(lease)):
            verdict = attempt(handler, item)
        settle(queue, item, verdict)
    return len(items)


def attempt(handler: Handler, item: Item) -> Verdict:
    """The handler's verdict; a surprise is logged with its traceback and tried again later."""
    try:
        return handler(item)
    except NotNow as error:
        return Again(backoff(item.claims), str(error))
    except TooLarge as error:
        return Dead(str(error))
    except DeadlineExceeded:
        return Again(backoff(item.claims), "the time for one attempt was used up")
    except Exception as error:  # the last line of defence: logged whole, and the item is kept
        surprises = item.surprises + 1
        log.exception("item %s failed unexpectedly at attempt %d", item.id, item.claims)
        reason = f"unexpected {type(error).__name__}"
        if surprises >= MAX_SURPRISES:
            return Dead(reason)
        return Again(backoff(surprises), reason, surprise=True)


def settle(queue: Queue, item: Item, verdict: Verdict) -> None:
    match verdict:
        case Done():
            kept = queue.done(item)
        case Again(delay, reason, expected, surprise):
            level = logging.DEBUG if expected else logging.WARNING
            log.log(level, "%s: again in %.1f s: %s", item.id, delay, reason)
            kept = queue.retry(item, delay=delay, surprise=surprise)
        case Dead(reason):
            log.error("item %s of %s is dead: %s", item.id, queue.name, reason)
            kept = queue.dead(item, reason=reason)
    if not kept:
        log.warning("the lease of item %s of %s had run out; it may be worked twice", item.id, queue.name)


def backoff(attempts: int, *, base: float = 1.0, cap: float = 300.0) -> float:
    """Seconds to wait after the given number of attempts: doubling, capped, and half of it at random so
    that items which failed together do not come back together."""
    full = min(cap, base * 2.0 ** min(attempts - 1, 30))
    return full / 2 + random.uniform(0, full / 2)
