"""The name of each instance, for messages about many systems that cannot look all of them up."""

from __future__ import annotations

from shared.models.systems import Kind, System
from shared.storage import kinds
from shared.storage.ports import Store


class InstanceNames:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, instance: str) -> str:
        """The name by `System.instance`; empty if it is not known. Only EC2 knows systems by ids without
        names."""
        system = System(instance, "")
        if system.kind is not Kind.EC2:
            return system.name
        record = self._store.get(kinds.NAME, "", instance)
        return str(record.body["name"]) if record else ""

    def save(self, instance: str, name: str) -> None:
        self._store.put(kinds.NAME, "", instance, {"name": name}, durable=False)
