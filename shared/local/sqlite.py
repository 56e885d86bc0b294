"""The ledger's store and the queues on one machine: one SQLite file.

Write-ahead log: what `put` returned from is on the disk. A write that may be done anew (`durable=False`) is
in the log and not yet synced: it outlives the process, and a power cut takes it back only with all that came
after it. Writers that arrive while another one commits share the next transaction, so many threads cost about
one sync between them. Other processes may use the same file at the same time.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from shared.local.private import close_to_others, make_private
from shared.queues.ports import DeadItem, Depth, Item, QueueError
from shared.storage import kinds
from shared.storage.ports import Record, Store, StoreError

T = TypeVar("T")

FORMAT = 3
_TABLES = """
CREATE TABLE documents (
    kind TEXT NOT NULL, "group" TEXT NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, "group", name)
) WITHOUT ROWID;
CREATE TABLE items (
    queue TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    added REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, receipt TEXT,
    urgent INTEGER NOT NULL DEFAULT 0, surprises INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (queue, id)
);
CREATE INDEX items_due ON items (queue, urgent DESC, due);
CREATE TABLE dead (
    queue TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    added REAL NOT NULL, died REAL NOT NULL, attempts INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (queue, id)
);
"""

# The statements that make each format out of the one before. An empty file (0) gets the newest at once.
_UPDATES = {
    1: """
ALTER TABLE items ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
DROP INDEX items_due;
CREATE INDEX items_due ON items (queue, urgent DESC, due);
""",
    2: "ALTER TABLE items ADD COLUMN surprises INTEGER NOT NULL DEFAULT 0",
}

_DUE = "SELECT 1 FROM items WHERE queue=? AND urgent IN (0, 1) AND due<=? LIMIT 1"
_SEEN = f"SELECT body FROM documents WHERE kind='{kinds.QUEUE_CLOCK}' AND \"group\"='' AND name=?"  # noqa: S608
# Seconds; by less than this clocks are corrected all the time, and nothing need move.
_STEP = 5.0


class Database:
    """Two connections, shared by all threads of the process: who reads does not wait for the disk."""

    def __init__(self, path: Path | None, *, busy_timeout: float = 30, read_only: bool = False) -> None:
        """Opens or makes the file. Raises StoreError where that cannot be done. Without `path`: an empty
        database in memory. `read_only`: no file is made, and nothing but an older format is changed."""
        self._path = path
        self._levels = {True: "FULL", False: "NORMAL"}  # False: a power cut may take it back
        self._level = ""
        self._pending: list[_Write[Any]] = []
        self._committing = False
        self._committed = threading.Condition()  # guards both
        self._reader_lock = threading.Lock()

        if path is None:
            place = f"file:{secrets.token_hex(16)}?mode=memory&cache=shared"
        else:
            place = f"{path.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(
                place, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
            )

        try:
            if path is not None and not read_only:
                make_private(path)
                for beside in ("-wal", "-shm"):  # SQLite makes them with the rights of the database
                    close_to_others(path.with_name(path.name + beside))
            self._writer = connect()
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._make_tables()
            if read_only:
                self._writer.execute("PRAGMA query_only=ON")
            self._reader = connect()
            self._reader.execute("PRAGMA query_only=ON")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path} cannot be opened as huntbridge's database: {error}") from error

    def _make_tables(self) -> None:
        """Make the tables, or bring those of an earlier version up to date: all of it or nothing."""
        db = self._writer
        db.execute("BEGIN IMMEDIATE")
        try:
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found != FORMAT:
                for script in self._scripts(found):
                    for statement in script.split(";"):
                        db.execute(statement)
                db.execute(f"PRAGMA user_version={FORMAT}")
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _scripts(self, found: int) -> list[str]:
        if found == 0:
            return [_TABLES]
        if found in _UPDATES:
            return [_UPDATES[version] for version in range(found, FORMAT)]
        raise StoreError(
            f"{self._path} has format {found}, which is not {FORMAT}: a newer huntbridge wrote it; install "
            "that version again, or name another data directory with --data"
        )

    def close(self) -> None:
        with self._committed:
            while self._committing:
                self._committed.wait()
            with self._reader_lock:
                self._reader.close()
            self._writer.close()  # the last one tidies the log up, which a reader may not

    def read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._reader_lock:
            return self._reader.execute(query, values).fetchall()

    def write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Run `change` in a transaction and return what it returned once that is on the disk."""
        mine = _Write(change, durable)
        with self._committed:
            self._pending.append(mine)
            while self._committing and not mine.settled:
                self._committed.wait()
            if mine.settled:  # the writer before us took it along
                return mine.result()
            self._committing = True
            batch, self._pending = self._pending, []
        try:
            self._commit(batch)
        finally:
            with self._committed:
                self._committing = False
                self._committed.notify_all()
        return mine.result()

    def _commit(self, batch: list[_Write[Any]]) -> None:
        """All in one transaction. Where that fails, each gets its own, so that one write that cannot be made
        does not fail the others."""
        try:
            self._run(batch)
        except BaseException as error:  # noqa: BLE001 (it is raised to the writer that it belongs to)
            if len(batch) == 1:
                batch[0].fail(error)
            elif isinstance(error, _NotBegun):
                for write in batch:  # the file is held: it would be so for each of them
                    write.fail(sqlite3.OperationalError(*error.args))
            else:
                for write in batch:
                    self._commit([write])
                return
        for write in batch:
            write.settled = True

    def _run(self, batch: list[_Write[Any]]) -> None:
        db = self._writer
        level = self._levels[any(write.durable for write in batch)]
        try:
            if level != self._level:
                db.execute(f"PRAGMA synchronous={level}")
                self._level = level
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise _NotBegun(*error.args) from error
        try:
            for write in batch:
                write.run(db)
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")


class _NotBegun(sqlite3.OperationalError):
    """No transaction could be begun, whatever was to be written."""


class _Write(Generic[T]):
    def __init__(self, change: Callable[[sqlite3.Connection], T], durable: bool) -> None:
        self._change, self.durable = change, durable
        self._returned: list[T] = []
        self._error: BaseException | None = None
        self.settled = False

    def run(self, db: sqlite3.Connection) -> None:
        self._returned = [self._change(db)]

    def fail(self, error: BaseException) -> None:
        self._error = error

    def result(self) -> T:
        if self._error:
            raise self._error
        return self._returned[0]


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
        body: dict[str, Any],
        *,
        expect: int | None = None,
        durable: bool = True,
    ) -> bool:
        text = json.dumps(body, separators=(",", ":"))

        def change(db: sqlite3.Connection) -> bool:
            if expect:
                found = db.execute(
                    "UPDATE documents SET version=version+1, body=? "
                    'WHERE kind=? AND "group"=? AND name=? AND version=?',
                    (text, kind, group, name, expect),
                )
            else:
                also = "NOTHING" if expect == 0 else "UPDATE SET version=version+1, body=excluded.body"
                found = db.execute(
                    f"INSERT INTO documents VALUES (?, ?, ?, 1, ?) ON CONFLICT DO {also}",  # noqa: S608
                    (kind, group, name, text),
                )
            return found.rowcount == 1

        return self._write(change, durable=durable)

    def delete(self, kind: str, group: str, name: str) -> None:
        self._write(
            lambda db: db.execute(
                'DELETE FROM documents WHERE kind=? AND "group"=? AND name=?', (kind, group, name)
            )
        )

    def _read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._db.read(query, values)
        except sqlite3.Error as error:
            raise StoreError(f"the database cannot be read: {error}") from error

    def _write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        try:
            return self._db.write(change, durable=durable)
        except sqlite3.Error as error:
            raise StoreError(f"the database cannot be written: {error}") from error


def _record(row: tuple[Any, ...]) -> Record:
    group, name, version, body = row
    return Record(group, name, version, json.loads(body))


class SqliteQueue:
    def __init__(self, database: Database, name: str, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self._db = database
        self._now = now
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

    def wait(self, timeout: float) -> None:
        """Return when this process puts an item, or after `timeout` seconds."""
        with self._added:
            self._added.wait(timeout)

    def claim(self, limit: int = 1, *, lease: float) -> list[Item]:
        # An idle worker looks several times a second: it must not cost a write.
        now = self._now()
        due = self._read(_DUE, (self.name, now))
        if not due and not _stepped_back(now, self._read(_SEEN, (self.name,))):
            return []
        receipt = secrets.token_hex(8)

        def change(db: sqlite3.Connection) -> list[tuple[Any, ...]]:
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
        return self._write(lambda db: self._take(db, item), durable=False)

    def _take(self, db: sqlite3.Connection, item: Item) -> bool:
        found = db.execute(
            "DELETE FROM items WHERE queue=? AND id=? AND receipt=?", (self.name, item.id, item.receipt)
        )
        return found.rowcount == 1

    def retry(self, item: Item, *, delay: float, surprise: bool = False) -> bool:
        def change(db: sqlite3.Connection) -> bool:
            due = self._tick(db) + delay
            found = db.execute(
                "UPDATE items SET due=?, receipt=NULL, surprises=surprises+? "
                "WHERE queue=? AND id=? AND receipt=?",
                (due, surprise, self.name, item.id, item.receipt),
            )
            return found.rowcount == 1

        return self._write(change, durable=False)

    def dead(self, item: Item, *, reason: str) -> bool:
        now = self._now()

        def change(db: sqlite3.Connection) -> bool:
            if not self._take(db, item):
                return False
            db.execute(
                "INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self.name, item.id, item.body, item.added_at.timestamp(), now, item.claims, reason),
            )
            return True

        return self._write(change)

    def adopt(self, tell: Callable[[Item], None]) -> None:
        """Nothing is put aside here but by `dead`."""

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
        """The time, to be asked for within the transaction that writes something due.

        Where the clock was set back since the last one, all that is in the queue moves back with it: nothing
        waits longer than it was to wait, and no lease is cut short. When an item was added moves only where
        that would be in the future: what came in before the clock was wrong grows no older.
        """
        now, seen = self._now(), db.execute(_SEEN, (self.name,)).fetchall()
        if _stepped_back(now, seen):
            step = float(seen[0][0]) - now
            db.execute(
                "UPDATE items SET due=due-?, added=CASE WHEN added>? THEN added-? ELSE added END "
                "WHERE queue=?",
                (step, now, step, self.name),
            )
        elif seen:
            now = max(now, float(seen[0][0]))
        db.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, '', ?, 1, ?)",
            (kinds.QUEUE_CLOCK, self.name, repr(now)),
        )
        return now

    def _read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._db.read(query, values)
        except sqlite3.Error as error:
            raise QueueError(f"the queue {self.name} cannot be read: {error}") from error

    def _write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        try:
            return self._db.write(change, durable=durable)
        except sqlite3.Error as error:
            raise QueueError(f"the queue {self.name} cannot be written: {error}") from error


def _stepped_back(now: float, seen: list[tuple[Any, ...]]) -> bool:
    return bool(seen) and now < float(seen[0][0]) - _STEP


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
