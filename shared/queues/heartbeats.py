"""A workflow of Teams that nobody uses for 90 days is switched off by Microsoft, and the next alarm finds
nobody: where that is configured, a destination is told after so many quiet days that huntbridge is alive.

Deliveries come in, and looks at the clock; an item of [events] comes out, and of it a message of kind
`heartbeat`. It is named for the moment since when it is quiet, so it may be asked for again and is sent once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.config.destinations.teams import TeamsConfig
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.event_kinds import HEARTBEAT
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import Done, Verdict
from shared.storage import kinds
from shared.storage.stored_times import within_last

log = logging.getLogger(__name__)


class Heartbeats:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def look(self) -> None:
        """Ask for each that is due. Any number of timers may look at once."""
        store, now = self._runtime.store, self._runtime.now()
        for name, period in self._periods():
            record = store.get(kinds.HEARTBEAT, "", name)
            if record is None:
                store.put(kinds.HEARTBEAT, "", name, {"since": now.isoformat()}, expect=0)
                continue
            # A time of the future was written by a clock that was wrong: one word too many does no harm.
            if within_last(period, datetime.fromisoformat(record.body["since"]), now):
                continue
            # The item before the record of it: one too many is not sent, one too few is silence.
            since = record.body["since"]
            heartbeat = items.Heartbeat(name, datetime.fromisoformat(since))
            self._runtime.events.put(items.encode(heartbeat), id=f"{HEARTBEAT}:{name}:{since}")
            asked = {"since": now.isoformat(), "asked": since}
            store.put(kinds.HEARTBEAT, "", name, asked, expect=record.version)

    def tell(self, item: items.Heartbeat) -> Verdict:
        """Handles the item that `look` put into [events]."""
        name, since = item.destination, item.since.isoformat()
        record = self._runtime.store.get(kinds.HEARTBEAT, "", name)
        days = dict(self._periods()).get(name, timedelta()).days
        if not days or not record or since not in (record.body["since"], record.body.get("asked")):
            return Done()  # something was delivered in the meantime, or it is not wanted any more
        event = Event(
            id=f"{HEARTBEAT}:{name}:{since}",
            kind=HEARTBEAT,
            received_at=self._runtime.now(),
            text=f"Nothing was sent here for {days} day{'' if days == 1 else 's'}.",
        )
        self._runtime.deliveries.put(
            items.delivery(name, dump(Alarm(event, Severity.INFO))), id=f"{event.id}:{name}"
        )
        log.info("nothing was delivered to %s since %s: it is told that huntbridge is alive", name, since)
        return Done()

    def delivered(self, name: str) -> None:
        """Something was delivered to `name`: it is quiet from now on."""
        if name in dict(self._periods()):
            self._runtime.store.put(kinds.HEARTBEAT, "", name, {"since": self._runtime.now().isoformat()})

    def _periods(self) -> Iterator[tuple[str, timedelta]]:
        for name, config in self._runtime.config.destinations.items():
            if isinstance(config, TeamsConfig) and config.heartbeat_days:
                yield name, timedelta(days=config.heartbeat_days)
