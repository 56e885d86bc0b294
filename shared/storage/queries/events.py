"""Lists of events, and everything about one event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.models.alarms import Alarm
from shared.models.severity import Severity
from shared.storage.ports import Store
from shared.storage.queries.deliveries import DeliveryRow
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.pages import Rows


@dataclass(frozen=True)
class EventDetail:
    """One event with its deliveries, and its alarm if the store kept it."""

    row: EventRow
    deliveries: tuple[DeliveryRow, ...]
    alarm: Alarm | None


class EventQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def list(
        self,
        *,
        system: str = "",
        case: str = "",
        hunt: str = "",
        kind: str = "",
        severity: Severity | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        page: str = "",
    ) -> Rows[EventRow]:
        """The events, newest first. `system` is a `System.key`, `hunt` a hunt's id, `case` a case's key."""
        raise NotImplementedError

    def get(self, event_id: str) -> EventDetail | None:
        raise NotImplementedError
