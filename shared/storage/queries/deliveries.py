"""Lists of deliveries, and whether each destination works."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.models.codec import load
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.holds import Hold
from shared.models.systems import lasting_key
from shared.phrases import counted
from shared.storage import indexes, kinds
from shared.storage.ports import Key, Record, Store
from shared.storage.queries.event_rows import EventRow, between, event_key, event_row, span_of
from shared.storage.queries.pages import Rows, bounded, position, token
from shared.storage.queries.reading import MAX_JOINED, MAX_STEPS, STEP, Span, joined, position_in, rows

WAITING, HELD, DEAD, DELIVERED = "waiting", "held", "dead", "delivered"
_ONE_REQUEST = 3_000  # positions that DynamoDB gives in one answer, which has at most 1 MB
_NEVER = datetime.min.replace(tzinfo=UTC)
_INDEX = {
    WAITING: indexes.DELIVERIES_WAITING,
    HELD: indexes.DELIVERIES_HELD,
    DEAD: indexes.DELIVERIES_DEAD,
}
_STATES = ("", WAITING, DEAD, DELIVERED, HELD)


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
    hold: Hold | None = None  # why a route holds it; None if none does, or it is over
    told_by: str = ""  # the event whose message tells of this one
    covers: tuple[str, ...] = ()  # the other events that its message tells of

    @property
    def shared_with(self) -> str:
        """With which events of its system it shares a message, in words; empty if it has its own."""
        if self.told_by:
            return f"in the message of event {self.told_by}"
        others = f"{counted(len(self.covers), 'more event')} of its system: {', '.join(self.covers)}"
        return f"in one message with {others}" if self.covers else ""


@dataclass(frozen=True)
class DestinationHealth:
    """Whether a destination gets its messages."""

    name: str
    last_delivered_at: datetime | None = None
    waiting: int = 0
    dead: int = 0
    # Since when there are deliveries that wait after a failed attempt, or that died after the last success.
    failing_since: datetime | None = None
    reason: str = ""  # why the newest of these failed
    delivered_24h: int = 0  # with those that a route holds


def delivery_key(event_id: str, destination: str) -> Key:
    return kinds.DELIVERY, event_id, destination


def delivery_row(record: Record, event: EventRow | None) -> DeliveryRow:
    delivery = load(Delivery, record.body)
    return DeliveryRow(
        event_id=delivery.event_id,
        destination=delivery.destination,
        state=delivery.state,
        attempts=delivery.attempts,
        ref=delivery.ref,
        reason=delivery.reason,
        note=delivery.note,
        first_at=delivery.first_at,
        last_at=delivery.last_at,
        event=event,
        hold=delivery.hold if delivery.held else None,
        told_by=delivery.told_by,
        covers=delivery.covers,
    )


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
        steps: int = MAX_STEPS,
    ) -> Rows[DeliveryRow]:
        """The deliveries, newest first by their first attempt, the dead ones by their last. Those of a system
        or hunt are in the order of their events. `state` is waiting, dead, delivered, held or empty; `system`
        is a `System.key`, `hunt` a hunt's id, `steps` is as for `rows`. Raises ValueError for another
        state."""
        if state not in _STATES:
            raise ValueError(f"{state!r} is not one of {', '.join(filter(None, _STATES))}")
        system = lasting_key(system)
        question = {
            "list": "deliveries",
            "destination": destination,
            "state": state,
            "system": system,
            "hunt": hunt,
            "since": since,
            "until": until,
        }
        after, limit = position(question, page), bounded(limit)

        def is_wanted(record: Record) -> bool:
            delivery = load(Delivery, record.body)
            return (not destination or delivery.destination == destination) and (
                not state or _is_in(delivery, state)
            )

        if system or hunt:
            span = between(span_of(system=system, hunt=hunt), since, until)
            found, after = self._of_events(span, system, hunt, is_wanted, limit, after, steps)
            return Rows(tuple(found), token(question, after))
        index = _INDEX.get(state)
        if index is None:
            index = f"{indexes.DELIVERIES_TO}{destination}" if destination else indexes.DELIVERIES
        records, after = rows(
            self._store,
            kinds.DELIVERY,
            between(Span(index), since, until),
            lambda record: record if is_wanted(record) else None,
            limit=limit,
            after=after,
            filtered=bool(state == DELIVERED or (state and destination)),
            steps=steps,
        )
        events = joined(self._store, (event_key(record.group) for record in records))
        by_id = {key[1]: event_row(event) for key, event in events.items()}
        return Rows(
            tuple(delivery_row(record, by_id.get(record.group)) for record in records),
            token(question, after),
        )

    def _of_events(
        self,
        span: Span,
        system: str,
        hunt: str,
        is_wanted: Callable[[Record], bool],
        limit: int,
        after: str,
        steps: int,
    ) -> tuple[Sequence[DeliveryRow], str]:
        """The deliveries of the events of one system or hunt. A page ends after the last delivery of an
        event, so it may have a few more rows than its limit."""

        def row_of(record: Record) -> tuple[EventRow, str] | None:
            row = event_row(record)
            if (system and row.system_key != system) or (hunt and row.hunt_id != hunt) or not row.to:
                return None
            return row, position_in(span.index, kinds.EVENT, record)

        events, end = rows(
            self._store,
            kinds.EVENT,
            span,
            row_of,
            limit=min(limit, STEP),
            after=after,
            filtered=bool(system and hunt),
            steps=min(steps, 2),
        )
        most = min(MAX_JOINED, max(STEP, limit))
        keys: list[Key] = []
        for number, (event, _) in enumerate(events):
            of_event = [delivery_key(event.id, name) for name in event.to]
            if keys and len(keys) + len(of_event) > most:
                events, end = events[:number], events[number - 1][1]
                break
            keys += of_event
        read = joined(self._store, keys)
        found: list[DeliveryRow] = []
        for number, (event, _) in enumerate(events):
            records = [read.get(delivery_key(event.id, name)) for name in event.to]
            wanted = [delivery_row(record, event) for record in records if record and is_wanted(record)]
            if found and len(found) + len(wanted) > limit:
                return found, events[number - 1][1]
            found += wanted
        return found, end

    def by_destination(self, names: Iterable[str]) -> dict[str, DestinationHealth]:
        """Whether each destination gets its messages. At most 10,000 that wait are counted, and 3,000 of the
        others."""
        names = list(names)
        day_ago = indexes.at(self._now() - timedelta(days=1))
        waiting = self._by_destination(indexes.DELIVERIES_WAITING)
        dead = self._by_destination(indexes.DELIVERIES_DEAD, most=_ONE_REQUEST)
        recent = self._by_destination(indexes.DELIVERIES, since=day_ago, most=_ONE_REQUEST)
        notes = self._store.read_many([_last_delivered(name) for name in names])
        last = {
            name: datetime.fromisoformat(notes[_last_delivered(name)].body["at"])
            for name in names
            if _last_delivered(name) in notes
        }
        failing = {
            name: sorted(
                [*waiting[name], *(place for place in dead[name] if place.at > last.get(name, _NEVER))],
                key=lambda place: place.at,
            )
            for name in names
        }
        newest = {name: delivery_key(places[-1].event_id, name) for name, places in failing.items() if places}
        read = joined(self._store, newest.values())
        health = {}
        for name in names:
            failed = read.get(newest[name]) if name in newest else None
            not_delivered = {place.event_id for place in (*waiting[name], *dead[name])}
            health[name] = DestinationHealth(
                name,
                last_delivered_at=last.get(name),
                waiting=len(waiting[name]),
                dead=len(dead[name]),
                failing_since=failing[name][0].at if failing[name] else None,
                reason=load(Delivery, failed.body).reason if failed else "",
                delivered_24h=sum(place.event_id not in not_delivered for place in recent[name]),
            )
        return health

    def _by_destination(
        self, index: str, *, since: str = "", most: int = 10_000
    ) -> Mapping[str, Sequence[_Place]]:
        """The places in an index of deliveries, oldest first."""
        found: dict[str, list[_Place]] = defaultdict(list)
        for text in self._store.positions(index, since=since, most=most):
            time, _, id = text.partition("#")
            event_id, _, destination = id.rpartition("/")
            found[destination].append(_Place(datetime.fromisoformat(time), event_id))
        return found


def _last_delivered(destination: str) -> Key:
    return kinds.NOTE, kinds.LAST_DELIVERED_NOTES, destination


@dataclass(frozen=True)
class _Place:
    """What the position of a delivery says."""

    at: datetime
    event_id: str


def _is_in(delivery: Delivery, state: str) -> bool:
    """Whether a list of this state has the delivery."""
    if state == DELIVERED:
        is_told = delivery.state in (DeliveryState.DELIVERED, DeliveryState.IN_DIGEST)
        return is_told and not delivery.held
    if state == HELD:
        return delivery.held
    if state == DEAD:
        return delivery.state is DeliveryState.DEAD
    failed = delivery.state is DeliveryState.PENDING and delivery.attempts > 0
    return failed or delivery.state in (DeliveryState.SENDING, DeliveryState.UNSURE)
