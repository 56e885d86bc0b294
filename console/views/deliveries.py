"""The screen about deliveries: how each destination is, what waits, what is dead, and what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.filters import counted
from console.read_once import read_along
from console.status import Status
from console.views.destinations import Destination, destinations
from console.views.problems import listed
from console.views.references import Reference, reference
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.storage import indexes
from shared.storage.queries import deliveries
from shared.storage.queries.deliveries import DeliveryRow
from shared.storage.queries.event_rows import event_key
from shared.storage.queries.queries import Queries

WAITING_ROWS = 50
ROWS = 50
STATES = {"delivered": "delivered", "waiting": "waiting", "held": "held", "dead": "dead"}
LONGEST = 700  # characters of a value of the filter


@dataclass(frozen=True)
class DeliveryFilter:
    """What the history shows. Every value stands in the address of the page."""

    destination: str = ""
    state: str = ""
    system: str = ""  # a `System.key`
    hunt: str = ""  # the id of a run
    since: datetime | None = None
    until: datetime | None = None  # not included

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> DeliveryFilter:
        """The filter in the address. A value that means nothing is left out."""
        texts = {
            name: arguments.get(name, "")[:LONGEST].strip() for name in ("destination", "system", "hunt")
        }
        state = arguments.get("state", "")
        until = _day(arguments.get("until", ""))
        return cls(
            state=state if state in STATES else "",
            since=_day(arguments.get("since", "")),
            until=until + timedelta(days=1) if until else None,
            **texts,
        )

    @property
    def last_day(self) -> str:
        """The last day that is included, as a date field shows it."""
        return f"{self.until - timedelta(days=1):%Y-%m-%d}" if self.until else ""

    @property
    def narrows(self) -> bool:
        return self != DeliveryFilter()


def _day(text: str) -> datetime | None:
    """The beginning of a day in UTC. None for a text that is no date, or that no day follows."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return day if day + timedelta(days=1) else None
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class Sent:
    """One line of the history or of what waits."""

    row: DeliveryRow
    reference: Reference | None


@dataclass(frozen=True)
class Deliveries:
    """What the screen shows."""

    title: str
    destinations: tuple[Destination, ...]
    waiting: tuple[Sent, ...]
    waiting_next: bool  # whether more wait than are shown
    history: tuple[Sent, ...]
    next: str
    filter: DeliveryFilter
    retry_for: timedelta


def read_waiting_along(runtime: Runtime) -> None:
    """Have what waits, and the events that it is about, read with the status. Call this before the status is
    read. Raises StoreError."""
    waiting = runtime.store.attention().of[indexes.DELIVERIES_WAITING][-WAITING_ROWS:]
    events = (event_key(place.key[1]) for place in waiting)
    read_along(runtime, [*(place.key for place in waiting), *events])


def deliveries_view(
    queries: Queries,
    status: Status,
    config: Config,
    types: Mapping[str, str],
    filter: DeliveryFilter,
    page: str,
) -> Deliveries:
    """Raises StoreError, and BadToken."""
    waiting = (
        queries.deliveries.list(state=deliveries.WAITING, limit=WAITING_ROWS) if status.waiting else None
    )
    history = queries.deliveries.list(
        destination=filter.destination,
        state=filter.state,
        system=filter.system,
        hunt=filter.hunt,
        since=filter.since,
        until=filter.until,
        limit=ROWS,
        page=page,
        steps=1,  # since the rest of the page also costs requests
    )

    def sent(row: DeliveryRow) -> Sent:
        known = reference(row.destination, row.ref, config.destinations)
        return Sent(row, known if known.text else None)

    return Deliveries(
        title=title_of(status, types),
        destinations=destinations(status.destinations, config, types),
        waiting=tuple(map(sent, waiting.rows)) if waiting else (),
        waiting_next=bool(waiting and waiting.next),
        history=tuple(map(sent, history.rows)),
        next=history.next,
        filter=filter,
        retry_for=timedelta(seconds=config.delivery.retry_for),
    )


def title_of(status: Status, types: Mapping[str, str]) -> str:
    """The answer to "is everything delivered?"."""
    failing = list(status.failing)
    undone = ", ".join(
        (
            *([counted(status.waiting, "message") + " waiting"] if status.waiting else []),
            *([f"{status.dead:,} dead"] if status.dead else []),
        )
    )
    if failing:
        names = listed(failing[:3])
        verb = "is" if len(failing) == 1 else "are"
        rest = f": {undone}" if undone else ""
        return (
            f"{names} {verb} failing{rest}"
            if len(failing) < 4
            else f"{len(failing)} destinations are failing{rest}"
        )
    if undone:
        return undone[:1].upper() + undone[1:]
    if not status.destinations:
        return "No destination is configured"
    if not any(each.last_delivered_at for each in status.destinations.values()):
        return "No deliveries yet"
    return "Everything is delivered"
