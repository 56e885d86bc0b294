"""The record of what the platform left behind in AWS, as it was found last."""

from __future__ import annotations

from shared.models.codec import dump, load
from shared.models.leftovers import LeftBehind
from shared.storage import kinds
from shared.storage.ports import Store

LEFT_BEHIND = (kinds.NOTE, kinds.LEFTOVER_NOTES, "found")


class LeftBehinds:
    def __init__(self, store: Store) -> None:
        self._store = store

    def last(self) -> LeftBehind | None:
        """None if nobody looked yet."""
        record = self._store.get(*LEFT_BEHIND)
        return load(LeftBehind, record.body) if record else None

    def save(self, found: LeftBehind) -> None:
        self._store.put(*LEFT_BEHIND, dump(found))
