"""The port that a database has to fill: small documents with versions.

The ledger and everything else that is stored uses `Store` only, so it behaves alike on SQLite and on
DynamoDB.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Body = dict[str, Any]  # what JSON can hold
Key = tuple[str, str, str]  # kind, group and name of a document
MOST_ON_A_PAGE = 100  # documents, which is what DynamoDB reads at once


@dataclass(frozen=True)
class Record:
    """One stored document."""

    group: str
    name: str
    version: int  # 1 after the first write, one more after every further write
    body: Body


@dataclass(frozen=True)
class IndexEntry:
    """The place of a document in an ordered index. No two documents have the same place."""

    index: str  # such as `deliveries/to/soc`
    position: str  # such as `2026-11-29T10:42:00.000000Z#event-1`


@dataclass(frozen=True)
class Place:
    """An entry of an index, and the document that has it."""

    position: str
    key: Key


@dataclass(frozen=True)
class Places:
    """The entries of some indexes, without their documents."""

    of: Mapping[str, tuple[Place, ...]]  # by index, each in the order of its positions
    complete: bool = True  # False: there are more than were asked for


@dataclass(frozen=True)
class Page:
    """Some documents in order, and where the next page begins.

    A page may hold fewer documents than its limit, even none, and another page may still follow. The last
    page is the one whose `after` is empty.
    """

    records: tuple[Record, ...]
    after: str = ""  # what the call for the next page passes as `after`; empty: this is the end


def after_all(prefix: str) -> str:
    """A text that sorts after all texts that begin with `prefix`."""
    return f"{prefix}\U0010ffff"


def on_a_page(limit: int) -> int:
    """How many documents a page looks at if so many are wanted."""
    return max(1, min(limit, MOST_ON_A_PAGE))


def first_places(of: Mapping[str, Sequence[Place]], most: int) -> Places:
    """No more than `most` of these places."""
    left, kept = most, {}
    for index, places in of.items():
        kept[index] = tuple(places[:left])
        left -= len(kept[index])
    return Places(kept, complete=sum(map(len, of.values())) <= most)


class Store(Protocol):
    """Documents by (kind, group, name). Every method raises StoreError if the database does not answer.

    The store also keeps some documents in ordered indexes. `shared.storage.indexes` says which documents
    these are, and where in which index they are. The store keeps the indexes up to date by itself.
    """

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
        writes. That is enough for a document that is made from a queue item. The item is removed later, so
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

    @abstractmethod
    def page(
        self,
        index: str,
        *,
        limit: int,
        after: str = "",
        newest_first: bool = True,
        since: str = "",
        until: str = "",
    ) -> Page:
        """Documents of an index, ordered by their positions; `newest_first` means the last position first.

        `after` is that of the page before. `since` and `until` are positions, or beginnings of positions such
        as a time: the page has positions from `since` on and before `until`. The page has at most
        MOST_ON_A_PAGE documents, whatever the limit.

        A document whose position stays is on exactly one page. A document whose position changes between two
        pages may be on both, or on none if it moves to the part that was read before.
        """
        ...

    @abstractmethod
    def page_of_group(
        self, kind: str, group: str, *, limit: int, after: str = "", newest_first: bool = False
    ) -> Page:
        """Documents of one group, ordered by name; `newest_first` means the last name first."""
        ...

    @abstractmethod
    def count(self, index: str, *, prefix: str = "", most: int = 10_000) -> int:
        """How many entries of an index have positions that begin with `prefix`, at most `most`.

        On AWS, a count above 25 may include a few documents that have left the index."""
        ...

    @abstractmethod
    def positions(
        self,
        index: str,
        *,
        since: str = "",
        until: str = "",
        most: int = 10_000,
        newest_first: bool = False,
    ) -> tuple[str, ...]:
        """The first positions of an index, in order, without their documents; at most `most`. `since`,
        `until` and `newest_first` are as for `page`, and what `count` says of documents that have left the
        index holds too."""
        ...

    @abstractmethod
    def attention(self, *, most: int = 10_000) -> Places:
        """The first entries of the indexes of `indexes.ATTENTION`, in the order of these indexes; at most
        `most` in all. On AWS this is one request for each MB of entries. What `count` says of documents that
        have left the index holds too."""
        ...

    @abstractmethod
    def read_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        """The documents with these keys. A key without a document is left out."""
        ...

    @abstractmethod
    def every(self, kind: str, *, limit: int, after: str = "") -> Page:
        """All documents of a kind, page by page, in any order. For jobs that may take minutes: on AWS this
        reads the whole table. `limit` bounds what one call reads, not only what it returns."""
        ...

    @abstractmethod
    def reindex(self, kind: str, records: Sequence[Record]) -> None:
        """Write the index entries of documents that `every` returned. Doing it again changes nothing."""
        ...

    @abstractmethod
    def record_indexed(self, all: bool) -> None:
        """Record whether all documents have been indexed as `indexes` says now. Until they are, the store
        also reads the entries from where an earlier version kept them."""
        ...

    @abstractmethod
    def tidy(self, *, delete: bool) -> bool:
        """With `delete`, delete some documents that have expired; else, or if there are none, return some
        unused space to the disk. This is one short transaction. Returns whether more may be left to do.
        DynamoDB does it by itself."""
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
