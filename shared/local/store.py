"""The store on one machine: documents and their index entries in two tables of the SQLite file."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from shared.local.database import Database, Row
from shared.local.packing import pack, unpack
from shared.storage import indexes
from shared.storage.kinds import DEFAULT_DAYS, days_kept
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
_REPLACE = "UPDATE SET version=version+1, expires=excluded.expires, body=excluded.body"
_WHOLE = 'SELECT id, kind, "group", name, body FROM documents WHERE kind=? AND "group"=? AND name=?'
_EXPIRED = 'SELECT id, kind, "group", name, body FROM documents WHERE id>? AND id<=? AND expires<? LIMIT ?'
_KEYS_AT_ONCE = 200  # in one statement, which takes three values for each
_DAY = 86_400  # seconds
# What one short transaction of `tidy` takes on. Either takes a few milliseconds.
_READ_AT_ONCE, _DELETED_AT_ONCE, _FREED_AT_ONCE = 5_000, 50, 200  # documents, documents, pages
# New documents use free pages, so some are kept: a twentieth of the file, and at least these.
_FREE_PAGES = 20
_FREE = f"PRAGMA incremental_vacuum({_FREED_AT_ONCE})"


class SqliteStore(Store):
    def __init__(
        self, database: Database, now: Callable[[], float] = time.time, keep: Mapping[str, int] = DEFAULT_DAYS
    ) -> None:
        """`now` is in epoch seconds, `keep` as in `kinds.days_kept`."""
        self._db, self._now, self._keep = database, now, keep
        self._tidied = (0, 0)  # the day, and the id up to which no document has expired on it

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
        packed, expires = pack(body), self._will_expire(kind)
        entries = indexes.entries(kind, group, name, body)

        def change(db: sqlite3.Connection) -> bool:
            id: int | None = None
            before: tuple[IndexEntry, ...] = ()
            # A new document has no entries yet. Where `expect` is 0, any other document is left as it is.
            if expect != 0 and indexes.is_indexed(kind):
                for known, *row in db.execute(_WHOLE, (kind, group, name)).fetchall():
                    id, before = known, _entries(row)
            if expect:
                cursor = db.execute(
                    "UPDATE documents SET version=version+1, expires=?, body=? "
                    'WHERE kind=? AND "group"=? AND name=? AND version=?',
                    (expires, packed, kind, group, name, expect),
                )
            else:
                conflict = "NOTHING" if expect == 0 else _REPLACE
                cursor = db.execute(
                    'INSERT INTO documents (kind, "group", name, version, expires, body) '  # noqa: S608
                    f"VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO {conflict}",
                    (kind, group, name, expires, packed),
                )
            written = cursor.rowcount == 1
            if written and entries != before:
                _move(db, cursor.lastrowid if id is None else id, before, entries)  # type: ignore[arg-type]
            return written

        return self._write(change, durable=durable)

    def delete(self, kind: str, group: str, name: str) -> None:
        def change(db: sqlite3.Connection) -> None:
            _delete(db, db.execute(_WHOLE, (kind, group, name)).fetchall())

        self._write(change)

    def _will_expire(self, kind: str) -> int | None:
        """The last day that a document which is written now is kept for, counted from 1970."""
        days = days_kept(kind, self._keep)
        return None if days is None else int(self._now() // _DAY) + days

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
            'SELECT e.position, d.kind, d."group", d.name, d.version, d.body '  # noqa: S608
            "FROM entries e CROSS JOIN documents d ON d.id=e.document "
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
                'SELECT e.position, d.kind, d."group", d.name '
                "FROM entries e CROSS JOIN documents d ON d.id=e.document "
                'WHERE e."index"=? ORDER BY e.position LIMIT ?',
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
                for id, *row in db.execute(_WHOLE, (kind, record.group, record.name)).fetchall():
                    _move(db, id, (), _entries(row))

        self._write(change, durable=False)

    def record_indexed(self, all: bool) -> None:
        """Nothing to record: the entries are where they always were."""

    def tidy(self, *, delete: bool) -> bool:
        today = int(self._now() // _DAY)
        if self._tidied[0] != today:
            self._tidied = (today, 0)
        after = self._tidied[1]
        ((last,),) = self._read("SELECT coalesce(max(id), 0) FROM documents", ())
        if delete and after < last:
            part = (after, after + _READ_AT_ONCE, today, _DELETED_AT_ONCE)
            if self._read(f"SELECT EXISTS ({_EXPIRED})", part)[0][0]:
                self._write(lambda db: _delete(db, db.execute(_EXPIRED, part).fetchall()), durable=False)
            else:
                self._tidied = (today, after + _READ_AT_ONCE)
            return True
        ((pages,),), ((free,),) = self._read("PRAGMA page_count", ()), self._read("PRAGMA freelist_count", ())
        if free <= max(_FREE_PAGES, pages // 20):
            return False
        self._write(lambda db: db.execute(_FREE).fetchall(), durable=False)
        return True

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


def _record(row: Sequence[Any]) -> Record:
    group, name, version, body = row
    return Record(group, name, version, unpack(body))


def _entries(row: Sequence[Any]) -> tuple[IndexEntry, ...]:
    """The entries of a document that _WHOLE has read, without its id."""
    kind, group, name, body = row
    return indexes.entries(kind, group, name, unpack(body)) if indexes.is_indexed(kind) else ()


def _delete(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Delete documents that _WHOLE has read, with their entries."""
    for id, *row in rows:
        db.execute("DELETE FROM documents WHERE id=?", (id,))
        _move(db, id, _entries(row), ())


def _move(
    db: sqlite3.Connection, document: int, before: Sequence[IndexEntry], after: Sequence[IndexEntry]
) -> None:
    """Replace the entries of a document. Those that it keeps are not written."""
    for entry in before:
        if entry not in after:
            db.execute('DELETE FROM entries WHERE "index"=? AND position=?', (entry.index, entry.position))
    for entry in after:
        if entry not in before:
            values = (entry.index, entry.position, document)
            db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", values)


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
