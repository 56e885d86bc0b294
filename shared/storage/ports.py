"""The port that a database has to fill: small documents with versions.

The ledger and everything else that is stored uses `Store` only, so it behaves alike on SQLite and on
DynamoDB.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Body = dict[str, Any]  # what JSON can hold


@dataclass(frozen=True)
class Record:
    """One stored document."""

    group: str
    name: str
    version: int  # 1 after the first write, one more after every further write
    body: Body


class Store(Protocol):
    """Documents by (kind, group, name). Every method raises StoreError if the database does not answer."""

    @abstractmethod
    def get(self, kind: str, group: str, name: str) -> Record | None:
        """The document as the last write left it; None if there is no such document."""
        ...

    @abstractmethod
    def put(
        self,
        kind: str,
        group: str,
        name: str,
        body: Body,
        *,
        expect: int | None = None,
        durable: bool = True,
    ) -> bool:
        """Write a document. Returns False, and writes nothing, if its version is not the expected one.

        `expect` is the version that the document must have: 0 means that it must not exist, None writes
        whatever the version is. A `durable` write survives a power cut once this method has returned. Any
        other write survives a crash of the process, but a power cut may undo it together with all later
        writes. That is enough for a document that is made from a queue item: the item is removed later, so
        its removal is undone as well, and the document is made again. The next durable write makes the
        earlier writes durable too.
        """
        ...

    @abstractmethod
    def delete(self, kind: str, group: str, name: str) -> None:
        """Delete a document. Does nothing if there is none."""
        ...

    @abstractmethod
    def scan(self, kind: str, group: str) -> Iterator[Record]:
        """All documents of one group, ordered by name."""
        ...

    @abstractmethod
    def groups(self, kind: str, prefix: str, limit: int) -> list[str]:
        """The groups of a kind that begin with `prefix`, sorted, at most `limit`.

        This may take up to a minute on AWS, so it is for commands that a person waits for, not for workers.
        """
        ...

    def update(
        self,
        kind: str,
        group: str,
        name: str,
        change: Callable[[Body | None], tuple[Body | None, T]],
        *,
        durable: bool = True,
    ) -> T:
        """Read a document, change it and write it back; start again if another writer was faster.

        `change` gets the body, or None if there is no document. It returns the new body, or None to write
        nothing, and the result, which `update` returns. It may be called several times, so it must have no
        other effects: it queues nothing, sends nothing, and does not modify the body that it gets.
        """
        while True:
            record = self.get(kind, group, name)
            before = record.body if record else None
            after, result = change(before)
            if after is None or after == before:
                return result
            expect = record.version if record else 0
            if self.put(kind, group, name, after, expect=expect, durable=durable):
                return result


class NotNow(Exception):
    """A store or queue cannot be used at the moment, which is not the fault of the item that is being worked.
    The text says why and contains no secret."""


class StoreError(NotNow):
    """The database cannot be read or written. The text says why and contains no secret."""


class TooLarge(Exception):
    """A document or item is larger than the database or queue accepts, so trying again would not help. The
    text says how large it is."""
