"""The store on one machine: documents in a table of the SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import TypeVar

from shared.local.database import Database, Row
from shared.storage.ports import Body, Record, Store, StoreError

T = TypeVar("T")


class SqliteStore(Store):
    def __init__(self, database: Database) -> None:
        self._db = database

    def get(self, kind: str, group: str, name: str) -> Record | None:
        rows = self._read(
            'SELECT "group", name, version, body FROM documents WHERE kind=? AND "group"=? AND name=?',
            (kind, group, name),
        )
        return _record(rows[0]) if rows else None

    def scan(self, kind: str, group: str) -> Iterator[Record]:
        rows = self._read(
            'SELECT "group", name, version, body FROM documents WHERE kind=? AND "group"=? ORDER BY name',
            (kind, group),
        )
        return map(_record, rows)

    def groups(self, kind: str, prefix: str, limit: int) -> list[str]:
        rows = self._read(
            'SELECT DISTINCT "group" FROM documents WHERE kind=? AND "group">=? AND "group"<? '
            'ORDER BY "group" LIMIT ?',
            (kind, prefix, f"{prefix}\U0010ffff", limit),
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

        def change(db: sqlite3.Connection) -> bool:
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
            return cursor.rowcount == 1

        return self._write(change, durable=durable)

    def delete(self, kind: str, group: str, name: str) -> None:
        self._write(
            lambda db: db.execute(
                'DELETE FROM documents WHERE kind=? AND "group"=? AND name=?', (kind, group, name)
            )
        )

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


def _record(row: Row) -> Record:
    group, name, version, body = row
    return Record(group, name, version, json.loads(body))
