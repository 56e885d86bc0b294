"""What happened in one case: its events, their deliveries, and what people did, merged by time.

The events and the entries of the audit log are two indexes, each ordered by time. A page reads positions of
both, and then the documents at those that come first. Its token holds the last of these positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.models.codec import load
from shared.storage import indexes, kinds
from shared.storage.audit import Entry
from shared.storage.ports import MOST_ON_A_PAGE, IndexEntry, Key, Record, Store
from shared.storage.queries.deliveries import DeliveryRow, delivery_key, delivery_row
from shared.storage.queries.event_rows import EventRow, event_key, event_row
from shared.storage.queries.pages import Rows, position, token
from shared.storage.queries.reading import joined

_PLACES = MOST_ON_A_PAGE - 2  # of one page; leaves room for two documents that a caller reads with them


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened in a case. Exactly one of the three is set."""

    at: datetime
    event: EventRow | None = None
    delivery: DeliveryRow | None = None
    audit: Entry | None = None


@dataclass(frozen=True)
class _Place:
    """One document in the order of time."""

    position: str
    key: Key

    @property
    def kind(self) -> str:
        return self.key[0]


class Timeline:
    """The pages of one case."""

    def __init__(self, store: Store, case_key: str) -> None:
        self._store = store
        self._question = {"list": "timeline by time", "case": case_key}
        self._indexes = {
            kinds.EVENT: f"{indexes.EVENTS_OF_CASE}{case_key}",
            kinds.AUDIT: f"{indexes.AUDIT_ABOUT}{case_key}",
        }

    def page(self, limit: int, page: str) -> Rows[TimelineEntry]:
        after, most = position(self._question, page), min(limit, _PLACES)
        places = sorted(
            (place for kind in self._indexes for place in self._places(kind, after, most + 1)),
            key=lambda place: place.position,
        )
        read = self._store.read_many([place.key for place in places[:most]])
        ready = [(place, read[place.key]) for place in places[:most] if place.key in read]
        # An event may have moved to another case since.
        ready = [(place, record) for place, record in ready if self._is_there(place, record)]
        taken = _fitting(ready, limit)
        entries = tuple(self._entries(taken))
        if len(taken) < len(ready):
            return Rows(entries, token(self._question, taken[-1][0].position))
        last = places[most - 1].position if len(places) > most else ""
        return Rows(entries, token(self._question, last))

    def _places(self, kind: str, after: str, most: int) -> Iterator[_Place]:
        for found in self._store.positions(self._indexes[kind], since=after, most=most + 1):
            if found != after:
                yield _Place(found, _document(kind, found))

    def _is_there(self, place: _Place, record: Record) -> bool:
        entries = indexes.entries(*place.key, record.body)
        return IndexEntry(self._indexes[place.kind], place.position) in entries

    def _entries(self, places: Sequence[tuple[_Place, Record]]) -> list[TimelineEntry]:
        events = [event_row(record) for place, record in places if place.kind == kinds.EVENT]
        read = joined(self._store, (key for event in events for key in _delivery_keys(event)))
        entries = [
            TimelineEntry(entry.at, audit=entry)
            for entry in (load(Entry, record.body) for place, record in places if place.kind == kinds.AUDIT)
        ]
        for event in events:
            entries.append(TimelineEntry(event.at, event=event))
            for record in filter(None, map(read.get, _delivery_keys(event))):
                delivery = delivery_row(record, event)
                at = delivery.last_at or delivery.first_at or event.at
                entries.append(TimelineEntry(at, delivery=delivery))
        return sorted(entries, key=lambda entry: entry.at)


def _document(kind: str, position: str) -> Key:
    """The document at a position, as `indexes` makes these positions."""
    time, _, id = position.partition("#")
    return event_key(id) if kind == kinds.EVENT else (kind, time[:7], id)


def _fitting(places: list[tuple[_Place, Record]], limit: int) -> list[tuple[_Place, Record]]:
    """As many places as one page has room for, and at least one."""
    entries = keys = 0
    for number, (place, record) in enumerate(places):
        more = len(record.body["to"]) if place.kind == kinds.EVENT else 0
        entries, keys = entries + 1 + more, keys + more
        if number and (entries > limit or keys > MOST_ON_A_PAGE):
            return places[:number]
    return places


def _delivery_keys(event: EventRow) -> list[Key]:
    return [delivery_key(event.id, name) for name in event.to]
