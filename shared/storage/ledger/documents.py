"""Reads and changes documents that hold a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from shared.models.codec import dump, load
from shared.storage.ports import Body, Store

T = TypeVar("T")


def read(store: Store, model: type[T], kind: str, group: str, name: str) -> T | None:
    record = store.get(kind, group, name)
    return load(model, record.body) if record else None


def read_all(store: Store, model: type[T], kind: str, group: str) -> list[T]:
    return [load(model, record.body) for record in store.scan(kind, group)]


def change(store: Store, model: type[T], kind: str, group: str, name: str, change: Callable[[T], T]) -> T:
    """The model after `change`, which may be called several times. Raises KeyError if there is none."""

    def changed(body: Body | None) -> tuple[Body, T]:
        if body is None:
            raise KeyError(f"{kind} {name} is not in the ledger")
        after = change(load(model, body))
        return dump(after), after

    return store.update(kind, group, name, changed)
