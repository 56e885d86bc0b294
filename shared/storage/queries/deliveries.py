"""Lists of deliveries, and whether each destination works."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.models.deliveries import DeliveryState
from shared.storage.ports import Store
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.pages import Rows

WAITING, DEAD, DELIVERED = "waiting", "dead", "delivered"


@dataclass(frozen=True)
class DeliveryRow:
    """One message to one destination, as lists show it."""

    event_id: str
    destination: str
    state: DeliveryState
    attempts: int = 0
    ref: str = ""  # what the destination gave, such as a Jira key
    reason: str = ""  # why it is not delivered
    note: str = ""  # delivered, but not as composed
    first_at: datetime | None = None
    last_at: datetime | None = None
    event: EventRow | None = None  # None: the store has no such event any more


@dataclass(frozen=True)
class DestinationHealth:
    """Whether a destination gets its messages."""

    name: str
    last_delivered_at: datetime | None = None
    waiting: int = 0
    dead: int = 0
    failing_since: datetime | None = None  # of the oldest delivery that waits after a failed attempt
    reason: str = ""  # why the newest failed attempt failed
    delivered_24h: int = 0


class DeliveryQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def list(
        self,
        *,
        destination: str = "",
        state: str = "",
        system: str = "",
        hunt: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        page: str = "",
    ) -> Rows[DeliveryRow]:
        """The deliveries, newest first. `state` is waiting, dead, delivered or empty; `system` is a
        `System.key`, `hunt` a hunt's id. Raises ValueError for another state."""
        raise NotImplementedError

    def by_destination(self, names: Iterable[str]) -> dict[str, DestinationHealth]:
        raise NotImplementedError
