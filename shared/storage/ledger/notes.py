"""Notes: small documents that a module keeps for its own use, such as how far a job of the timer has got."""

from __future__ import annotations

from typing import Any

from shared.storage import kinds
from shared.storage.ports import Store


class Notes:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, about: str, name: str) -> dict[str, Any]:
        """Empty if there is no such note."""
        record = self._store.get(kinds.NOTE, about, name)
        return dict(record.body) if record else {}

    def about(self, about: str) -> dict[str, dict[str, Any]]:
        """All notes about one thing, by name."""
        return {record.name: record.body for record in self._store.scan(kinds.NOTE, about)}

    def save(self, about: str, name: str, body: dict[str, Any]) -> None:
        self._store.put(kinds.NOTE, about, name, body)

    def delete(self, about: str, name: str) -> None:
        self._store.delete(kinds.NOTE, about, name)
