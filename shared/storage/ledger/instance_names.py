"""The name of each instance, for messages about many systems that cannot look all of them up."""

from __future__ import annotations

from shared.storage import kinds
from shared.storage.ports import Store


class InstanceNames:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, instance: str) -> str:
        """The name by instance id; empty if it is not known."""
        record = self._store.get(kinds.NAME, "", instance)
        return str(record.body["name"]) if record else ""

    def save(self, instance: str, name: str) -> None:
        self._store.put(kinds.NAME, "", instance, {"name": name}, durable=False)
