"""Lists of events, and everything about one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from shared.models.alarms import Alarm
from shared.models.severity import Severity
from shared.storage.ports import Store
from shared.storage.queries.pages import Rows

if TYPE_CHECKING:
    from shared.storage.queries.deliveries import DeliveryRow


@dataclass(frozen=True)
class EventRow:
    """One event, as lists show it."""

    id: str
    kind: str
    severity: Severity
    at: datetime  # when it was routed
    title: str = ""  # of its message
    system_key: str = ""  # `System.key`; empty if it names no system
    name: str = ""  # the instance's name
    hunt_id: str = ""
    project_id: int | None = None
    case: str = ""  # the key of its case
    to: tuple[str, ...] = ()  # destinations
    merged_into: str = ""  # the event whose message covers this one
    malicious: int = 0
    suspicious: int = 0
    techniques: Mapping[str, int] = field(default_factory=dict)  # findings by ATT&CK id


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
