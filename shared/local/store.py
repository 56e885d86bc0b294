"""The store on one machine: documents and their index entries in two tables of the SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from shared.local.database import Database, Row
from shared.storage import indexes
from shared.storage.ports import (
    Body,
    IndexEntry,
    Key,
    Page,
    Place,
    Places,
    Record,
    Store,
    StoreError,
    after_all,
    first_places,
    on_a_page,
)

T = TypeVar("T")

_DOCUMENT = 'SELECT "group", name, version, body FROM documents WHERE kind=? AND "group"=?'
_KEYS_AT_ONCE = 200  # in one statement, which takes three values for each


class SqliteStore(Store):
    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, kind: str, group: str, name: str) -> Record | None:
        rows = self._read(f"{_DOCUMENT} AND name=?", (kind, group, name))
        return _record(rows[0]) if rows else None

    def scan(self, kind: str, group: str) -> Iterator[Record]:
        return map(_record, self._read(f"{_DOCUMENT} ORDER BY name", (kind, group)))

    def groups(self, kind: str, prefix: str, limit: int) -> list[str]:
        rows = self._read(
            'SELECT DISTINCT "group" FROM documents WHERE kind=? AND "group">=? AND "group"<? '
            'ORDER BY "group" LIMIT ?',
            (kind, prefix, after_all(prefix), limit),
        )
        return [group for (group,) in rows]

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
        text = json.dumps(body, separators=(",", ":"))
        entries = indexes.entries(kind, group, name, body)

        def change(db: sqlite3.Connection) -> bool:
            # A new document has no entries yet. Where `expect` is 0, any other document is left as it is.
            before = () if expect == 0 else _entries(db, kind, group, name)
            if expect:
                cursor = db.execute(
                    "UPDATE documents SET version=version+1, body=? "
                    'WHERE kind=? AND "group"=? AND name=? AND version=?',
                    (text, kind, group, name, expect),
                )
            else:
                conflict = "NOTHING" if expect == 0 else "UPDATE SET version=version+1, body=excluded.body"
                cursor = db.execute(
                    f"INSERT INTO documents VALUES (?, ?, ?, 1, ?) ON CONFLICT DO {conflict}",  # noqa: S608
                    (kind, group, name, text),
                )
            written = cursor.rowcount == 1
            if written and entries != before:
                _move(db, (kind, group, name), before, entries)
            return written

        return self._write(change, durable=durable)

    def delete(self, kind: str, group: str, name: str) -> None:
        def change(db: sqlite3.Connection) -> None:
            before = _entries(db, kind, group, name)
            db.execute('DELETE FROM documents WHERE kind=? AND "group"=? AND name=?', (kind, group, name))
            _move(db, (kind, group, name), before, ())

        self._write(change)

    # Pages. Each is one statement that begins at its first row, so its cost does not depend on the size of
    # the tables.

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
        limit = on_a_page(limit)
        conditions, values = _between("e.position", after, newest_first, since, until)
        # A cross join keeps the order of the tables: first the entries, then the document of each.
        rows = self._read(
            'SELECT e.position, e.kind, d."group", d.name, d.version, d.body FROM entries e '  # noqa: S608
            'CROSS JOIN documents d ON d.kind=e.kind AND d."group"=e."group" AND d.name=e.name '
            f'WHERE e."index"=?{conditions} ORDER BY e.position {_order(newest_first)} LIMIT ?',
            (index, *values, limit + 1),
        )
        found = [(IndexEntry(index, position), kind, _record(rest)) for position, kind, *rest in rows[:limit]]
        return Page(
            tuple(
                record
                for entry, kind, record in found
                if entry in indexes.entries(kind, record.group, record.name, record.body)
            ),
            found[-1][0].position if len(rows) > limit else "",
        )

    def page_of_group(
        self, kind: str, group: str, *, limit: int, after: str = "", newest_first: bool = False
    ) -> Page:
        limit = on_a_page(limit)
        conditions, values = _between("name", after, newest_first)
        rows = self._read(
            f"{_DOCUMENT}{conditions} ORDER BY name {_order(newest_first)} LIMIT ?",
            (kind, group, *values, limit + 1),
        )
        records = tuple(map(_record, rows[:limit]))
        return Page(records, records[-1].name if len(rows) > limit else "")

    def count(self, index: str, *, prefix: str = "", most: int = 10_000) -> int:
        ((count,),) = self._read(
            'SELECT count(*) FROM (SELECT 1 FROM entries WHERE "index"=? AND position>=? AND position<? '
            "LIMIT ?)",
            (index, prefix, after_all(prefix), most),
        )
        return int(count)

    def positions(
        self,
        index: str,
        *,
        since: str = "",
        until: str = "",
        most: int = 10_000,
        newest_first: bool = False,
    ) -> tuple[str, ...]:
        conditions, values = _between("position", "", newest_first, since, until)
        rows = self._read(
            f'SELECT position FROM entries WHERE "index"=?{conditions} '  # noqa: S608
            f"ORDER BY position {_order(newest_first)} LIMIT ?",
            (index, *values, most),
        )
        return tuple(position for (position,) in rows)

    def attention(self, *, most: int = 10_000) -> Places:
        found: dict[str, tuple[Place, ...]] = {}
        left = most + 1
        for index in indexes.ATTENTION:
            rows = self._read(
                'SELECT position, kind, "group", name FROM entries WHERE "index"=? ORDER BY position LIMIT ?',
                (index, left),
            )
            found[index] = tuple(Place(position, (kind, group, name)) for position, kind, group, name in rows)
            left -= len(rows)
        return first_places(found, most)

    def read_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        wanted, found = list(dict.fromkeys(keys)), {}
        for at in range(0, len(wanted), _KEYS_AT_ONCE):
            some = wanted[at : at + _KEYS_AT_ONCE]
            rows = self._read(
                f'WITH wanted (kind, "group", name) AS (VALUES {", ".join(["(?, ?, ?)"] * len(some))}) '  # noqa: S608
                'SELECT d.kind, d."group", d.name, d.version, d.body FROM wanted w '
                'CROSS JOIN documents d ON d.kind=w.kind AND d."group"=w."group" AND d.name=w.name',
                tuple(value for key in some for value in key),
            )
            for kind, *rest in rows:
                record = _record(rest)
                found[kind, record.group, record.name] = record
        return found

    def every(self, kind: str, *, limit: int, after: str = "") -> Page:
        group, name = json.loads(after) if after else ("", "")
        condition = ' AND ("group", name) > (?, ?)' if after else ""
        rows = self._read(
            'SELECT "group", name, version, body FROM documents '  # noqa: S608
            f'WHERE kind=?{condition} ORDER BY "group", name LIMIT ?',
            (kind, group, name, limit + 1) if after else (kind, limit + 1),
        )
        records = tuple(map(_record, rows[:limit]))
        last = records[-1] if len(rows) > limit else None
        return Page(records, json.dumps([last.group, last.name]) if last else "")

    def reindex(self, kind: str, records: Sequence[Record]) -> None:
        def change(db: sqlite3.Connection) -> None:
            for record in records:  # which may have been replaced since it was read
                key = (kind, record.group, record.name)
                _move(db, key, (), _entries(db, *key))

        self._write(change, durable=False)

    def all_are_indexed(self) -> None:
        """Nothing to record: the entries are where they always were."""

    def _read(self, query: str, values: tuple[str | int, ...]) -> list[Row]:
        try:
            return self._db.read(query, values)
        except sqlite3.Error as error:
            raise StoreError(f"the database cannot be read: {error}") from error

    def _write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        try:
            return self._db.write(change, durable=durable)
        except sqlite3.Error as error:
            raise StoreError(f"the database cannot be written: {error}") from error


def _record(row: Sequence[object]) -> Record:
    group, name, version, body = row
    return Record(group, name, version, json.loads(body))  # type: ignore[arg-type]


def _entries(db: sqlite3.Connection, kind: str, group: str, name: str) -> tuple[IndexEntry, ...]:
    """The entries that the stored document has."""
    if not indexes.is_indexed(kind):
        return ()
    rows = db.execute(f"{_DOCUMENT} AND name=?", (kind, group, name)).fetchall()
    return indexes.entries(kind, group, name, _record(rows[0]).body) if rows else ()


def _move(
    db: sqlite3.Connection, key: Key, before: Sequence[IndexEntry], after: Sequence[IndexEntry]
) -> None:
    """Replace the entries of a document. Those that it keeps are not written."""
    for entry in before:
        if entry not in after:
            db.execute('DELETE FROM entries WHERE "index"=? AND position=?', (entry.index, entry.position))
    for entry in after:
        if entry not in before:
            values = (entry.index, entry.position, *key)
            db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", values)


def _order(newest_first: bool) -> str:
    return "DESC" if newest_first else "ASC"


def _between(
    column: str, after: str, newest_first: bool, since: str = "", until: str = ""
) -> tuple[str, list[str]]:
    """The conditions of a page, and their values."""
    bounds = [
        (f"{column}{'<' if newest_first else '>'}?", after),
        (f"{column}>=?", since),
        (f"{column}<?", until),
    ]
    given = [(condition, value) for condition, value in bounds if value]
    return "".join(f" AND {condition}" for condition, _ in given), [value for _, value in given]
