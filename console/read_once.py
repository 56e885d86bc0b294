"""A runtime for one request that only reads: it asks the store for each document once.

The page of a case and its previews need the same documents, and on AWS each question is a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from shared.hosting.runtime import Runtime
from shared.storage.ports import Key, Record, Store


def reading_once(runtime: Runtime) -> Runtime:
    """For the time of one request, since it does not see what others write meanwhile."""
    return replace(runtime, store=cast("Store", _ReadOnce(runtime.store)))


class _ReadOnce:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[Key, Record | None] = {}

    def get(self, kind: str, group: str, name: str) -> Record | None:
        key = kind, group, name
        if key not in self._kept:
            self._kept[key] = self._store.get(*key)
        return self._kept[key]

    def read_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        missing = [key for key in keys if key not in self._kept]
        if missing:
            read = self._store.read_many(missing)
            self._kept |= {key: read.get(key) for key in missing}
        found = ((key, self._kept[key]) for key in keys)
        return {key: record for key, record in found if record}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
