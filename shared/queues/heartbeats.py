"""Sends a sign of life to each destination that was sent nothing for a configured number of days.

Microsoft switches off a Teams workflow that nobody has used for 90 days, and the next alarm would be lost.
The timer looks for quiet destinations and puts an item into [events] for each. Its handler queues a message
of kind `heartbeat`. The message's id contains the time since which the destination is quiet, so it is sent
once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from shared.config.config import Config
from shared.config.destinations.teams import TeamsConfig
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.event_kinds import HEARTBEAT
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import Done, Queue, Verdict
from shared.storage import kinds
from shared.storage.ports import Store
from shared.storage.stored_times import within_last

log = logging.getLogger(__name__)


def heartbeat_periods(config: Config) -> dict[str, timedelta]:
    """For each destination that wants heartbeats: how long it may be quiet."""
    return {
        name: timedelta(days=destination.heartbeat_days)
        for name, destination in config.destinations.items()
        if isinstance(destination, TeamsConfig) and destination.heartbeat_days
    }


class Heartbeats:
    """`periods`: see `heartbeat_periods`."""

    def __init__(
        self,
        store: Store,
        events: Queue,
        deliveries: Queue,
        periods: Mapping[str, timedelta],
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._events, self._deliveries = store, events, deliveries
        self._periods, self._now = periods, now

    def enqueue_due(self) -> None:
        """Put an item into [events] for each quiet destination. Any number of timers may do this at once."""
        now = self._now()
        for name, period in self._periods.items():
            record = self._store.get(kinds.HEARTBEAT, "", name)
            if record is None:  # the period begins now
                self._store.put(kinds.HEARTBEAT, "", name, {"since": now.isoformat()}, expect=0)
                continue
            since = record.body["since"]
            # A time in the future was written by a wrong clock. One heartbeat too many does no harm.
            if within_last(period, datetime.fromisoformat(since), now):
                continue
            # Enqueue before recording: a duplicate is ignored, a missing heartbeat would be lost.
            item = items.encode(items.Heartbeat(name, datetime.fromisoformat(since)))
            self._events.put(item, id=f"{HEARTBEAT}:{name}:{since}")
            body = {"since": now.isoformat(), "asked": since}
            self._store.put(kinds.HEARTBEAT, "", name, body, expect=record.version)

    def send(self, item: items.Heartbeat) -> Verdict:
        """Handle an item that `enqueue_due` put into [events]: queue the message."""
        name, since = item.destination, item.since.isoformat()
        period, record = self._periods.get(name), self._store.get(kinds.HEARTBEAT, "", name)
        if not period or not record or since not in (record.body["since"], record.body.get("asked")):
            return Done()  # something was delivered in the meantime, or heartbeats were switched off
        event = Event(
            id=f"{HEARTBEAT}:{name}:{since}",
            kind=HEARTBEAT,
            received_at=self._now(),
            text=f"Nothing was sent here for {period.days} day{'' if period.days == 1 else 's'}.",
        )
        body = items.encode(items.DeliverAlarm(name, dump(Alarm(event, Severity.INFO))))
        self._deliveries.put(body, id=f"{event.id}:{name}", lane=name)
        log.info("heartbeat queued", extra={"destination": name, "quiet_since": since})
        return Done()

    def delivered(self, name: str) -> None:
        """Record that something was delivered to this destination: its period begins anew."""
        if name in self._periods:
            self._store.put(kinds.HEARTBEAT, "", name, {"since": self._now().isoformat()})
