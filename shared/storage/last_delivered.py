"""When something was last delivered to each destination."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from shared.storage import kinds
from shared.storage.ports import Store, StoreError

log = logging.getLogger(__name__)

_APART = timedelta(minutes=1)  # between two records: nobody asks more exactly
_PLACE = (kinds.NOTE, kinds.LAST_DELIVERED_NOTES)


class LastDelivered:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._recorded: dict[str, datetime] = {}

    def record(self, destination: str) -> None:
        """Something was delivered just now."""
        now, last = self._now(), self._recorded.get(destination)
        if last and timedelta() <= now - last < _APART:
            return
        try:
            self._store.put(*_PLACE, destination, {"at": now.isoformat()}, durable=False)
            self._recorded[destination] = now
        except StoreError as error:  # the message is delivered all the same
            log.warning("when something was last delivered to %s is not recorded: %s", destination, error)

    def of(self, destinations: Iterable[str]) -> dict[str, str | None]:
        """For each the time, to the minute; None where nothing was ever delivered. Raises StoreError."""
        found = {name: self._store.get(*_PLACE, name) for name in destinations}
        return {name: record.body["at"] if record else None for name, record in found.items()}
