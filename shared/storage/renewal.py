"""Writes documents again as they are, so that they expire later."""

from __future__ import annotations

from collections.abc import Iterable

from shared.models.hunts import hunt_name
from shared.storage import indexes, kinds
from shared.storage.ports import Record, Store

_ALARMS = 50  # of a case: the newest


def renew_case(store: Store, case_key: str) -> None:
    """Renew a case and what its page shows: where it is at the destinations, and its newest alarms with their
    deliveries and hunts. Raises StoreError."""
    for kind in (kinds.CASE_FILE, kinds.CASE):
        _renew(store, kind, store.scan(kind, case_key))
    _renew(store, kinds.ESCALATION, _one(store, kinds.ESCALATION, "", case_key))
    events = store.page(f"{indexes.EVENTS_OF_CASE}{case_key}", limit=_ALARMS).records
    _renew(store, kinds.EVENT, events)
    for event in events:
        for kind in (kinds.WHOLE_ALARM, kinds.DELIVERY):
            _renew(store, kind, store.scan(kind, event.group))
    for hunt_id in {indexes.text(indexes.part(event.body, "facts"), "hunt_id") for event in events} - {""}:
        _renew(store, kinds.HUNT, _one(store, kinds.HUNT, hunt_name(hunt_id), hunt_id))


def renew_hunt(store: Store, hunt_id: str) -> None:
    """Renew a hunt and its captures. Raises StoreError."""
    _renew(store, kinds.HUNT, _one(store, kinds.HUNT, hunt_name(hunt_id), hunt_id))
    _renew(store, kinds.CAPTURE, store.scan(kinds.CAPTURE, hunt_id))


def _one(store: Store, kind: str, group: str, name: str) -> Iterable[Record]:
    record = store.get(kind, group, name)
    return [record] if record else []


def _renew(store: Store, kind: str, records: Iterable[Record]) -> None:
    """A document that somebody else has written meanwhile is renewed already."""
    for record in list(records):
        store.put(kind, record.group, record.name, record.body, expect=record.version, durable=False)
