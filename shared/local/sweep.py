"""Reads everything in a SQLite file of huntbridge, and erases from it without a trace."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from shared.local.database import Database
from shared.local.packing import unpack
from shared.local.store import SqliteStore
from shared.storage.ports import Key, StoreError
from shared.storage.sweep import Document, StoredItem, Sweep, delete_documents

Read = Callable[[str, tuple[int, ...]], list[tuple[Any, ...]]]

_AT_ONCE = 500  # documents
_DOCUMENTS = 'SELECT id, kind, "group", name, body FROM documents WHERE id>? ORDER BY id LIMIT ?'
_ITEMS = "SELECT queue, id, body, NULL FROM items UNION ALL SELECT queue, id, body, died FROM dead"


class SqliteSweep(Sweep):
    """Of the file that is open as this database."""

    def __init__(self, database: Database) -> None:
        self._db, self._store = database, SqliteStore(database)

    def documents(self) -> Iterator[Document]:
        with _understood():
            yield from _documents(self._db.read)

    def items(self) -> Iterator[StoredItem]:
        with _understood():
            yield from _items(self._db.read)

    def delete(self, keys: Collection[Key], items: Collection[StoredItem]) -> None:
        delete_documents(self._store, keys)

        def change(db: sqlite3.Connection) -> None:
            for item in items:
                table = "items" if item.died_at is None else "dead"
                db.execute(f"DELETE FROM {table} WHERE queue=? AND id=?", (item.queue, item.id))  # noqa: S608

        self._write(change)

    def scrub(self, deleted: Collection[Key], mentions: Callable[[str], bool]) -> None:
        def change(db: sqlite3.Connection) -> None:
            rows = db.execute('SELECT "index", position FROM entries').fetchall()
            named = [row for row in rows if any(map(mentions, row))]
            db.executemany('DELETE FROM entries WHERE "index"=? AND position=?', named)

        self._write(change)
        with _understood():
            self._db.rewrite()

    def _write(self, change: Callable[[sqlite3.Connection], None]) -> None:
        with _understood():
            self._db.write(change)


def documents_in(file: Path) -> Iterator[Document]:
    """All documents in a file that is only read, such as a backup. Raises StoreError."""
    with _understood(), closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
        yield from _documents(lambda query, values: db.execute(query, values).fetchall())


def _documents(read: Read) -> Iterator[Document]:
    last = 0
    while rows := read(_DOCUMENTS, (last, _AT_ONCE)):
        for _, kind, group, name, body in rows:
            yield Document((kind, group, name), unpack(body))
        last = rows[-1][0]


def _items(read: Read) -> Iterator[StoredItem]:
    for queue, id, body, died_at in read(_ITEMS, ()):
        yield StoredItem(queue, id, bytes(body), died_at)


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"the database cannot be read or written: {error}") from error
