"""What happened in one case: its events, their deliveries, and what people did, merged by time.

The events and the entries of the audit log are two indexes. A page reads the beginning of both, and takes
from them up to the time that both have been read to. Its token holds a place in each index.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from shared.models.codec import load
from shared.storage import indexes, kinds
from shared.storage.audit import Entry
from shared.storage.ports import Key, Record, Store
from shared.storage.queries.deliveries import DeliveryRow, delivery_key, delivery_row
from shared.storage.queries.event_rows import EventRow, event_row
from shared.storage.queries.pages import BadToken, Rows, position, token
from shared.storage.queries.reading import MAX_JOINED, joined, position_in


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
    kind: str
    record: Record


@dataclass(frozen=True)
class _Part:
    """What one page of one index gave."""

    places: tuple[_Place, ...]
    read_to: str  # the position up to which it was read; empty: to the end


class Timeline:
    """The pages of one case."""

    def __init__(self, store: Store, case_key: str) -> None:
        self._store = store
        self._question = {"list": "timeline", "case": case_key}
        self._indexes = {
            kinds.EVENT: f"{indexes.EVENTS_OF_CASE}{case_key}",
            kinds.AUDIT: f"{indexes.AUDIT_ABOUT}{case_key}",
        }

    def page(self, limit: int, page: str) -> Rows[TimelineEntry]:
        after = _cursors(position(self._question, page))
        parts = {kind: self._read(kind, limit, after.get(kind, "")) for kind in self._indexes}
        read_to = min((part.read_to for part in parts.values() if part.read_to), default="")
        places = sorted(
            (place for part in parts.values() for place in part.places), key=lambda place: place.position
        )
        ready = [place for place in places if not read_to or place.position <= read_to]
        taken = _fitting(ready, limit)
        entries = tuple(self._entries(taken))
        if len(taken) == len(places) and not read_to:
            return Rows(entries)
        for kind, part in parts.items():
            mine = [place for place in taken if place.kind is kind]
            if len(mine) == len(part.places) and part.read_to:
                after[kind] = part.read_to
            elif mine:
                after[kind] = mine[-1].position
        return Rows(entries, token(self._question, json.dumps(after)))

    def _read(self, kind: str, limit: int, after: str) -> _Part:
        index = self._indexes[kind]
        page = self._store.page(index, limit=limit, after=after, newest_first=False)
        places = (_Place(position_in(index, kind, record), kind, record) for record in page.records)
        return _Part(tuple(places), page.after)

    def _entries(self, places: list[_Place]) -> list[TimelineEntry]:
        events = [event_row(place.record) for place in places if place.kind == kinds.EVENT]
        read = joined(self._store, (key for event in events for key in _delivery_keys(event)))
        entries = [
            TimelineEntry(entry.at, audit=entry)
            for entry in (load(Entry, place.record.body) for place in places if place.kind == kinds.AUDIT)
        ]
        for event in events:
            entries.append(TimelineEntry(event.at, event=event))
            for record in filter(None, map(read.get, _delivery_keys(event))):
                delivery = delivery_row(record, event)
                at = delivery.last_at or delivery.first_at or event.at
                entries.append(TimelineEntry(at, delivery=delivery))
        return sorted(entries, key=lambda entry: entry.at)


def _fitting(places: list[_Place], limit: int) -> list[_Place]:
    """As many places as one page has room for, and at least one."""
    entries = keys = 0
    for number, place in enumerate(places):
        more = len(place.record.body["to"]) if place.kind == kinds.EVENT else 0
        entries, keys = entries + 1 + more, keys + more
        if number and (entries > limit or keys > MAX_JOINED):
            return places[:number]
    return places


def _delivery_keys(event: EventRow) -> list[Key]:
    return [delivery_key(event.id, name) for name in event.to]


def _cursors(text: str) -> dict[str, str]:
    """The place in each index after which the page begins, by kind."""
    try:
        cursors = json.loads(text) if text else {}
    except ValueError:
        cursors = None
    if not isinstance(cursors, dict) or not all(isinstance(place, str) for place in cursors.values()):
        raise BadToken("this page's token cannot be read")
    return cursors
