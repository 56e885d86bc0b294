"""The SQLite file of one machine, which holds the documents of the store and the items of the queues.

It uses a write-ahead log. A durable write is on the disk when `write` returns, with all earlier ones. Any
other write is in the log but not yet synced: it survives a crash of the process, and a power cut undoes it
only together with all later writes. Writers that arrive while another one commits share the next transaction,
so many threads cost about one sync between them. A thread may also open a round, a transaction in which it
reads and writes much (`round`); writes of other threads join it. Several processes may use the same file at
the same time.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from shared.local.conversion import convert, remove_old_backups
from shared.local.layout import format_of, make_tables
from shared.local.private import close_to_others, make_private
from shared.storage.ports import StoreError

T = TypeVar("T")
Row = tuple[Any, ...]
Values = tuple[Any, ...] | dict[str, Any]

# After a change failed half way, so many rounds set a savepoint for each change, so that one which fails
# again undoes only itself. Usually that is not worth its price: a round has dozens of changes.
_CAREFUL_ROUNDS = 1000


class Database:
    """Two connections that all threads of the process share, so that reads never wait for a write to the
    disk."""

    def __init__(self, path: Path | None, *, busy_timeout: float = 30, read_only: bool = False) -> None:
        """Open the file, or make it. Raises StoreError if that is not possible.

        Without `path`, the database is empty and in memory. With `read_only`, no file is made and nothing is
        changed, except that the file of an earlier version is converted. `busy_timeout` is how many seconds a
        write waits for other processes.
        """
        self._path = path
        self._levels = {True: "FULL", False: "NORMAL"}  # SQLite's `synchronous`, by whether it is durable
        self._level = ""
        self._unsynced = False  # whether this process has commits that are not synced
        self._changes = 0  # of the writer, before the transaction
        self._pending: list[_Write[Any]] = []
        self._committing = False
        self._committed = threading.Condition()  # guards the two attributes above
        self._reader_lock = threading.Lock()
        self._round_of: int | None = None  # the thread that has a round open
        self._lost: BaseException | None = None  # what undid the open round
        self._careful = 0  # rounds that set savepoints from now on

        if path is None:
            uri = f"file:{secrets.token_hex(16)}?mode=memory&cache=shared"
        else:
            uri = f"{path.absolute().as_uri()}?mode={'rw' if read_only else 'rwc'}"

        def connect() -> sqlite3.Connection:
            return sqlite3.connect(
                uri, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
            )

        try:
            if path is not None and not read_only:
                make_private(path)
                remove_old_backups(path, time.time())
                for suffix in ("-wal", "-shm"):  # SQLite makes them with the permissions of the database
                    close_to_others(path.with_name(path.name + suffix))
            if path is not None:
                convert(path, busy_timeout)
            self._writer = connect()
            if not format_of(self._writer, path):
                make_tables(self._writer)
            self._writer.execute("PRAGMA journal_mode=WAL")
            if read_only:
                self._writer.execute("PRAGMA query_only=ON")
            self._reader = connect()
            self._reader.execute("PRAGMA query_only=ON")
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{path} cannot be opened as huntbridge's database: {error}") from error

    def close(self) -> None:
        with self._committed:
            while self._committing:
                self._committed.wait()
            with self._reader_lock:
                self._reader.close()
            # The writer closes last: the last connection merges the log into the database, which a reader may
            # not.
            self._writer.close()

    def read(self, query: str, values: Values) -> list[Row]:
        """Raises sqlite3.Error."""
        if self._round_of == threading.get_ident():
            return self._writer.execute(query, values).fetchall()
        with self._reader_lock:
            return self._reader.execute(query, values).fetchall()

    def write(self, change: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Run `change` in a transaction, and return its result after the commit. Raises sqlite3.Error.

        In a round of this thread the result comes at once, and the commit at the end of the round.
        """
        if self._round_of == threading.get_ident():
            return self._change(change)
        mine = _Write(change, durable)
        with self._committed:
            self._pending.append(mine)
            while self._committing and not mine.settled:
                self._committed.wait()
            if mine.settled:  # another thread has committed this write with its own
                return mine.result()
            batch = self._begin_turn()
        try:
            self._commit(batch)
        finally:
            self._end_turn()
        return mine.result()

    @contextmanager
    def round(self, *, durable: bool = True) -> Iterator[None]:
        """One transaction for all that this thread reads and writes in the block.

        A durable one is on the disk when the block is left, with all earlier writes. Writes that other
        threads ask for meanwhile are committed with it, or after it if only they are durable.

        Raises sqlite3.Error if it cannot begin, or if nothing of it was committed. Whatever the block raises
        undoes it too.
        """
        with self._committed:
            while self._committing:
                self._committed.wait()
            batch = self._begin_turn()
        try:
            self._begin(self._levels[durable])
            try:
                self._round_of, self._lost = threading.get_ident(), None
                yield
                with self._committed:
                    batch += self._pending
                    self._pending = []
                joined = [write for write in batch if durable or not write.durable]
                for write in joined:
                    self._join(write)
                if self._lost:
                    raise sqlite3.OperationalError("a change failed half way") from self._lost
                self._end()
                for write in joined:
                    write.settled = True
            finally:
                self._round_of, self._lost, self._careful = None, None, max(self._careful - 1, 0)
                self._roll_back()
        finally:
            if rest := [write for write in batch if not write.settled]:
                self._commit(rest)
            self._end_turn()

    def rewrite(self) -> None:
        """Write the whole file anew, so that no byte of what was deleted stays in it or in the log. All other
        writes wait. Needs twice the room of the file meanwhile. Raises sqlite3.Error."""
        with self._committed:
            while self._committing:
                self._committed.wait()
            batch = self._begin_turn()
        try:
            self._writer.execute("VACUUM")
            (busy, *_) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise sqlite3.OperationalError("another process uses it, so its log cannot be emptied")
        finally:
            if batch:
                self._commit(batch)
            self._end_turn()

    @property
    def lost(self) -> BaseException | None:
        """What undid the open round, in which nothing more can be written; None if nothing did."""
        return self._lost

    def _begin_turn(self) -> list[_Write[Any]]:
        """Be the thread that commits. Returns the writes that wait. Call this with `_committed` held."""
        self._committing = True
        batch, self._pending = self._pending, []
        return batch

    def _end_turn(self) -> None:
        with self._committed:
            self._committing = False
            self._committed.notify_all()

    def _change(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run a change in the round. If it fails half way without a savepoint, the whole round is lost."""
        db, careful = self._writer, self._careful > 0
        if self._lost:
            raise sqlite3.OperationalError("the transaction is undone") from self._lost
        if careful:
            db.execute("SAVEPOINT one")
        before = db.total_changes
        try:
            return change(db)
        except BaseException as error:
            if careful and db.in_transaction:
                db.execute("ROLLBACK TO one")
            elif db.total_changes != before or not db.in_transaction:
                self._lost, self._careful = error, _CAREFUL_ROUNDS
            raise
        finally:
            if careful and db.in_transaction:
                db.execute("RELEASE one")

    def _join(self, write: _Write[Any]) -> None:
        """Run the write of another thread in the round."""
        try:
            self._change(write.run)
        except BaseException as error:  # noqa: BLE001 (raised again in the thread that asked for the write)
            write.fail(error)

    def _commit(self, batch: list[_Write[Any]]) -> None:
        """Commit all writes in one transaction. If that fails, commit each in its own transaction, so that
        one impossible write does not fail the others."""
        try:
            self._run(batch)
        except BaseException as error:  # noqa: BLE001 (raised again in the thread that asked for the write)
            if len(batch) == 1:
                batch[0].fail(error)
            elif isinstance(error, _NotBegun):
                for write in batch:  # another process holds the file, so each of them would fail
                    write.fail(sqlite3.OperationalError(*error.args))
            else:
                for write in batch:
                    self._commit([write])
                return
        for write in batch:
            write.settled = True

    def _run(self, batch: list[_Write[Any]]) -> None:
        self._begin(self._levels[any(write.durable for write in batch)])
        try:
            for write in batch:
                write.run(self._writer)
            self._end()
        finally:
            self._roll_back()

    def _begin(self, level: str) -> None:
        try:
            if level != self._level:
                self._writer.execute(f"PRAGMA synchronous={level}")
                self._level = level
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise _NotBegun(*error.args) from error
        self._changes = self._writer.total_changes

    def _end(self) -> None:
        db, durable = self._writer, self._level == self._levels[True]
        if durable and self._unsynced and db.total_changes == self._changes:
            # SQLite syncs nothing if nothing was written. So the number of the format is written as it is.
            ((number,),) = db.execute("PRAGMA user_version").fetchall()
            db.execute(f"PRAGMA user_version={number}")
        db.execute("COMMIT")
        self._unsynced = not durable

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")


class _NotBegun(sqlite3.OperationalError):
    """The transaction could not begin, whatever it was to write."""


class _Write(Generic[T]):
    """A change that waits for its commit, and then its result."""

    def __init__(self, change: Callable[[sqlite3.Connection], T], durable: bool) -> None:
        self._change, self.durable = change, durable
        self._returned: list[T] = []
        self._error: BaseException | None = None
        self.settled = False

    def run(self, db: sqlite3.Connection) -> None:
        self._returned, self._error = [self._change(db)], None

    def fail(self, error: BaseException) -> None:
        self._error = error

    def result(self) -> T:
        if self._error:
            raise self._error
        return self._returned[0]
