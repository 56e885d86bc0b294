"""The port through which everything that is stored can be read, and erased without a trace.

It is for the commands `export` and `erase`. On one machine it is filled by `shared.local.sweep`, on AWS by
`shared.aws.sweep`. The methods raise StoreError, and QueueError where items are concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from shared.storage.ports import Key, Store


@dataclass(frozen=True)
class Document:
    """A stored document. `body` is what JSON can hold."""

    key: Key
    body: Any


@dataclass(frozen=True)
class StoredItem:
    """An item of a queue, or a dead one."""

    queue: str
    id: str
    body: bytes
    died_at: float | None = None  # in epoch seconds; None: it is alive


def delete_documents(store: Store, keys: Collection[Key]) -> None:
    """Raises StoreError."""
    for kind, group, name in keys:
        store.delete(kind, group, name)


def replace_document(store: Store, document: Document) -> None:
    """Write the document, whatever is there. Raises StoreError."""
    kind, group, name = document.key
    store.put(kind, group, name, document.body)


class Sweep(Protocol):
    def documents(self) -> Iterator[Document]:
        """All documents, in any order. On AWS this reads the whole table."""
        ...

    def items(self) -> Iterator[StoredItem]:
        """All items. Raises QueueError if living items cannot be looked at and there are some."""
        ...

    def delete(self, keys: Collection[Key], items: Collection[StoredItem]) -> None:
        """Delete documents and items."""
        ...

    def scrub(self, deleted: Collection[Key], mentions: Callable[[str], bool]) -> None:
        """Remove what the store itself keeps of deleted documents, such as index entries and free pages.
        `mentions`: whether a text names what is erased."""
        ...
