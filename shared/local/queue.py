"""A queue on one machine: items in a table of the SQLite file, dead items in another."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import TypeVar

from shared.local.database import Database, Row
from shared.local.inbox import Record
from shared.queues.ports import DeadItem, Depth, Item, QueueError
from shared.storage import kinds

T = TypeVar("T")

_DUE = "SELECT 1 FROM items WHERE queue=? AND urgent IN (0, 1) AND due<=? LIMIT 1"
# The latest time that the queue has seen, which shows whether the clock was set back since.
_LATEST = "SELECT body FROM documents WHERE kind=? AND \"group\"='' AND name=?"
_SAVE_LATEST = (
    'INSERT INTO documents (kind, "group", name, version, body) '
    "VALUES (?, '', ?, 1, ?) ON CONFLICT DO UPDATE SET body=excluded.body"
)
# Seconds. Clocks are often corrected by less than this, and no item needs to move for that.
_CORRECTION = 5.0


class SqliteQueue:
    def __init__(self, database: Database, name: str, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self.database = self._db = database
        self._now = now
        self._clock = (kinds.QUEUE_CLOCK, name)
        self._added = threading.Condition()

    def put(
        self, body: bytes, *, id: str = "", delay: float = 0, urgent: bool = False, durable: bool = True
    ) -> str:
        id = id or secrets.token_hex(8)

        def change(db: sqlite3.Connection) -> None:
            now = self._tick(db)
            db.execute(
                "INSERT INTO items (queue, id, body, added, due, urgent) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (self.name, id, body, now, now + delay, urgent),
            )

        self._write(change, durable=durable)
        with self._added:
            self._added.notify()
        return id

    def add(self, db: sqlite3.Connection, records: list[Record]) -> None:
        """Add records of the inbox as items, within a transaction. An item with the same id stays as it is.
        Raises sqlite3.Error."""
        now = self._tick(db)
        db.executemany(
            "INSERT INTO items (queue, id, body, added, due, urgent) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            [
                (self.name, record.id, record.body, min(record.at, now), now, record.urgent)
                for record in records
            ],
        )

    def wake(self) -> None:
        """Wake all that wait for an item."""
        with self._added:
            self._added.notify_all()

    def wait(self, timeout: float) -> None:
        """Return when this process puts an item, or after `timeout` seconds."""
        with self._added:
            self._added.wait(timeout)

    def claim(self, limit: int = 1, *, lease: float) -> list[Item]:
        # An idle worker calls this several times a second, so it must not cost a write.
        now = self._now()
        due = self._read(_DUE, (self.name, now))
        if not due and not _was_set_back(now, self._read(_LATEST, self._clock)):
            return []
        receipt = secrets.token_hex(8)

        def change(db: sqlite3.Connection) -> list[Row]:
            now = self._tick(db)
            return db.execute(
                "UPDATE items SET due=?, attempts=attempts+1, receipt=? WHERE queue=? AND id IN "
                "(SELECT id FROM items WHERE queue=? AND due<=? ORDER BY urgent DESC, due, rowid LIMIT ?) "
                "RETURNING id, body, attempts, added, surprises",
                (now + lease, receipt, self.name, self.name, now, limit),
            ).fetchall()

        rows = self._write(change, durable=False)
        return [
            Item(id, bytes(body), claims, _moment(added), receipt, surprises)
            for id, body, claims, added, surprises in sorted(rows, key=lambda row: row[3])
        ]

    def done(self, item: Item) -> bool:
        return self._write(lambda db: self._remove(db, item), durable=False)

    def _remove(self, db: sqlite3.Connection, item: Item) -> bool:
        cursor = db.execute(
            "DELETE FROM items WHERE queue=? AND id=? AND receipt=?", (self.name, item.id, item.receipt)
        )
        return cursor.rowcount == 1

    def retry(self, item: Item, *, delay: float, surprise: bool = False) -> bool:
        def change(db: sqlite3.Connection) -> bool:
            due = self._tick(db) + delay
            cursor = db.execute(
                "UPDATE items SET due=?, receipt=NULL, surprises=surprises+? "
                "WHERE queue=? AND id=? AND receipt=?",
                (due, surprise, self.name, item.id, item.receipt),
            )
            return cursor.rowcount == 1

        return self._write(change, durable=False)

    def dead(self, item: Item, *, reason: str) -> bool:
        now = self._now()

        def change(db: sqlite3.Connection) -> bool:
            if not self._remove(db, item):
                return False
            db.execute(
                "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self.name, item.id, item.body, item.added_at.timestamp(), now, item.claims, reason),
            )
            return True

        return self._write(change)

    def adopt(self, tell: Callable[[Item], None]) -> None:
        """Does nothing: in this queue only `dead` puts items aside."""

    def dead_items(self, limit: int = 100) -> list[DeadItem]:
        rows = self._read(
            "SELECT id, body, attempts, added, died, reason FROM dead WHERE queue=? "
            "ORDER BY died DESC LIMIT ?",
            (self.name, limit),
        )
        return [
            DeadItem(id, bytes(body), claims, _moment(added), _moment(died), reason)
            for id, body, claims, added, died, reason in rows
        ]

    def revive(self, ids: Collection[str]) -> list[str]:
        now = self._now()

        def change(db: sqlite3.Connection) -> list[str]:
            revived = []
            for id in ids:
                row = db.execute(
                    "DELETE FROM dead WHERE queue=? AND id=? RETURNING body", (self.name, id)
                ).fetchone()
                if row is None:
                    continue
                db.execute(
                    "INSERT INTO items (queue, id, body, added, due) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT DO NOTHING",
                    (self.name, id, row[0], now, now),
                )
                revived.append(id)
            return revived

        revived = self._write(change)
        with self._added:
            self._added.notify()
        return revived

    def discard(self, ids: Collection[str]) -> list[str]:
        def change(db: sqlite3.Connection) -> list[str]:
            query = "DELETE FROM dead WHERE queue=? AND id=? RETURNING id"
            return [id for id in ids if db.execute(query, (self.name, id)).fetchall()]

        return self._write(change)

    def depth(self) -> Depth:
        now = self._now()
        ((ready, delayed, leased, oldest),) = self._read(
            "SELECT total(due<=?), total(due>? AND receipt IS NULL), total(due>? AND receipt IS NOT NULL), "
            "min(added) FROM items WHERE queue=?",
            (now, now, now, self.name),
        )
        ((dead,),) = self._read("SELECT count(*) FROM dead WHERE queue=?", (self.name,))
        return Depth(int(ready), int(delayed), int(leased), dead, _moment(oldest) if oldest else None)

    def _tick(self, db: sqlite3.Connection) -> float:
        """The current time. It is read within every transaction that writes a due time.

        If the clock was set back since the last call, all due times move back with it, so that no item waits
        longer than it should and no lease ends early. The time when an item was added moves only if it would
        be in the future: items that were added before the clock was wrong do not become older.
        """
        now, latest = self._now(), db.execute(_LATEST, self._clock).fetchall()
        if _was_set_back(now, latest):
            step = float(latest[0][0]) - now
            db.execute(
                "UPDATE items SET due=due-?, added=CASE WHEN added>? THEN added-? ELSE added END "
                "WHERE queue=?",
                (step, now, step, self.name),
            )
        elif latest:
            now = max(now, float(latest[0][0]))
        db.execute(_SAVE_LATEST, (*self._clock, repr(now)))
        return now

    def _read(self, query: str, values: tuple[str | float, ...]) -> list[Row]:
        try:
            return self._db.read(query, values)
        except sqlite3.Error as error:
            raise QueueError(f"the queue {self.name} cannot be read: {error}") from error

    def _write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        try:
            return self._db.write(change, durable=durable)
        except sqlite3.Error as error:
            raise QueueError(f"the queue {self.name} cannot be written: {error}") from error


def _was_set_back(now: float, latest: list[Row]) -> bool:
    return bool(latest) and now < float(latest[0][0]) - _CORRECTION


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
