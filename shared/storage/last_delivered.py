"""When a message was last delivered to each destination."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from shared.storage import kinds
from shared.storage.ports import Store, StoreError

log = logging.getLogger(__name__)

_INTERVAL = timedelta(minutes=1)  # at most one write in this time, since a minute is exact enough
_PLACE = (kinds.NOTE, kinds.LAST_DELIVERED_NOTES)


class LastDelivered:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._recorded: dict[str, datetime] = {}

    def record(self, destination: str) -> None:
        """Record that a message was delivered just now."""
        now, last = self._now(), self._recorded.get(destination)
        if last and timedelta() <= now - last < _INTERVAL:
            return
        try:
            self._store.put(*_PLACE, destination, {"at": now.isoformat()}, durable=False)
            self._recorded[destination] = now
        except StoreError as error:  # the message was delivered nevertheless
            keys = {"destination": destination, "error": str(error)}
            log.warning("the time of the last delivery cannot be stored", extra=keys)

    def of(self, destinations: Iterable[str]) -> dict[str, str | None]:
        """The time for each destination, to the minute; None if there was none. Raises StoreError."""
        records = {name: self._store.get(*_PLACE, name) for name in destinations}
        return {name: record.body["at"] if record else None for name, record in records.items()}
