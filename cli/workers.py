"""How the items of the queues are worked on one machine: in which lanes, and how many at once."""

from __future__ import annotations

from cli.assemble import capture_threads, receiver
from receiver.destinations.registry import traits_of
from scheduler.worker import captures_handler
from shared.hosting.runtime import Runtime
from shared.local.core import Core, Workers
from shared.local.queue import SqliteQueue
from shared.queues import leases
from shared.queues.ports import Queue

# Alarms that wait for the platform at once. One that answers in 200 ms is asked about a hundred a second.
_EVENTS = 64
# Events and deliveries of each destination that begin in one go. A malicious alarm is only known as one when
# its event was handled, so events go ahead of deliveries that are only given a turn or put into a digest.
_EVENTS_IN_ONE_GO, _DELIVERIES_IN_ONE_GO = 4, 2


def workers(runtime: Runtime, core: Core, *, receives: bool = True) -> list[Workers]:
    """The workers of the three queues; without `receives`, only those of [captures].

    Raises SecretError if the platform's key or a destination's secret cannot be read.
    """
    captures = Workers(
        _table(runtime.captures),
        captures_handler(runtime),
        leases.CAPTURE,
        places=capture_threads(runtime.config),
        at_once=capture_threads(runtime.config),
        in_thread=True,
    )
    if not receives:
        return [captures]
    handlers = receiver(runtime, core)
    places = {name: traits_of(section).concurrency for name, section in runtime.config.destinations.items()}
    return [
        Workers(
            _table(runtime.deliveries),
            handlers.delivery,
            leases.DELIVERY,
            places=1,
            places_of=places,
            at_once=_DELIVERIES_IN_ONE_GO,
        ),
        Workers(
            _table(runtime.events), handlers.event, leases.EVENT, places=_EVENTS, at_once=_EVENTS_IN_ONE_GO
        ),
        captures,
    ]


def _table(queue: Queue) -> SqliteQueue:
    assert isinstance(queue, SqliteQueue)
    return queue
