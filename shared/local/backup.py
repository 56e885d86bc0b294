"""Makes a backup of one machine's data while `serve` runs: one SQLite file that needs no other file.

The backup has everything that was accepted before it began. A webhook is in the inbox first and in the
database later, so the segments of the inbox are opened before the database is copied. What is in both is
handled once, since an item's id tells that it was handled.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from shared.local.conversion import sync
from shared.local.database import Database
from shared.local.inbox import MAGIC, Record, decode, segments, sync_directory
from shared.local.private import make_private
from shared.local.queue import SqliteQueue
from shared.queues.ports import EVENTS
from shared.storage import kinds
from shared.storage.ports import StoreError


def make_backup(database: Path, inbox: Path, to: Path) -> None:
    """Write the backup. It is complete and on the disk when this returns, and absent if this raises.

    Raises StoreError, also if there is a file `to` already. Needs the room of two more backups meanwhile.
    """
    new = _unfinished(to)
    try:
        if to.exists():
            raise StoreError(f"{to} exists already: a backup never replaces a file")
        remove_with_log(new)  # of a backup that was interrupted
    except OSError as error:
        raise StoreError(f"the backup {to} cannot be made: {error.strerror}") from error
    try:
        make_private(new)
        with _opened(inbox) as files:
            copy(database, new)
            _import(new, files)
        _pack(new)
        sync(new)
        new.rename(to)
        sync_directory(to.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"the backup {to} cannot be made: {error}") from error
    finally:
        remove_with_log(new)


def delete_backup(file: Path) -> None:
    """Delete a backup, or what is left of it if it was interrupted. Raises OSError."""
    file.unlink(missing_ok=True)
    remove_with_log(_unfinished(file))


def _unfinished(backup: Path) -> Path:
    return backup.with_name(f"{backup.name}.new")


def copy(source: Path, to: Path, *, mode: str = "rw") -> None:
    """Copy the database of one moment, also while others write. `mode`: how SQLite opens the source. Raises
    sqlite3.Error."""
    uri = f"{source.absolute().as_uri()}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True)) as db, closing(sqlite3.connect(to)) as copied:
        # All in one step. A copy in steps begins anew with each write of `serve`, so it might never end.
        db.backup(copied, pages=-1)


def remove_with_log(path: Path) -> None:
    """Remove a database that nobody has open, and what SQLite keeps beside it. Raises OSError."""
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


@contextmanager
def _opened(inbox: Path) -> Iterator[dict[str, BinaryIO]]:
    """The segments by their names. They can be read even if they are deleted meanwhile."""
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for path in segments(inbox):
            with suppress(FileNotFoundError):  # it was imported just now
                files[path.name] = stack.enter_context(path.open("rb"))
        yield files


def _import(new: Path, files: dict[str, BinaryIO]) -> None:
    """Put what the copied database lacks of the inbox into its queue."""
    database = Database(new)
    try:
        query = "SELECT name, body FROM documents WHERE kind=? AND \"group\"=''"
        offsets = {name: int(offset) for name, offset in database.read(query, (kinds.INBOX,))}
        records: list[Record] = []
        for name, file in files.items():
            file.seek(offsets.get(name, 0))
            records += _whole_records(file.read())

        def change(db: sqlite3.Connection) -> None:
            SqliteQueue(database, EVENTS).add(db, records)
            db.execute("DELETE FROM documents WHERE kind=?", (kinds.INBOX,))

        database.write(change)
    finally:
        database.close()


def _whole_records(data: bytes) -> Iterator[Record]:
    """The records of a segment. The last one may be half written, and damage is passed over."""
    at = 0
    while at >= 0:
        if found := decode(data, at):
            record, at = found
            yield record
        else:
            at = data.find(MAGIC, at + 1)


def _pack(new: Path) -> None:
    """Leave out what was deleted before, and make it a file without a log. Raises sqlite3.Error."""
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("VACUUM")
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {found}")
