"""Puts a backup in the place of the database of one machine.

The database is replaced by one rename, so a crash leaves the old one or the new one. What the inbox holds is
kept: the next `serve` imports it.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from shared.local.backup import copy, remove_with_log
from shared.local.conversion import convert, lock_out, only_one, sync
from shared.local.database import Database
from shared.local.layout import format_of
from shared.local.packing import unpack
from shared.local.private import make_private
from shared.local.store import SqliteStore
from shared.models.codec import dump, load
from shared.models.deliveries import Delivery
from shared.storage import backups, kinds
from shared.storage.backups import Backup, Restored
from shared.storage.ports import Store, StoreError

log = logging.getLogger(__name__)

_AT_ONCE = 200  # documents
_BUSY = 3.0  # seconds


def restore(file: Path, database: Path, now: datetime) -> Restored:
    """Put the backup in the place of the database, and mark what may have been told since.

    No `serve` may run. Raises StoreError, and then nothing has changed. The list of backups in an existing
    database is kept, unless that database is damaged.
    """
    new = database.with_name(f"{database.name}.restored")
    try:
        _check(file)
        remove_with_log(new)  # of a restoration that was interrupted
        make_private(new)
        copy(file, new, mode="ro")
        convert(new, _BUSY, keep=False)  # the backup itself stays, and erasing names it
        restored = _prepare(new, file, _listed_in(database), now)
        sync(new)
        _replace(database, new)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{file} cannot be restored: {error}") from error
    finally:
        remove_with_log(new)
    return restored


def _check(file: Path) -> None:
    """Raises StoreError if the file is no backup, is damaged, or was written by a newer version."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            format = format_of(db, file)
            (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"{file} cannot be read as a backup of huntbridge: {error}") from error
    if not format:
        raise StoreError(f"{file} is no backup of huntbridge: it has none of its data")
    if found != "ok":
        raise StoreError(f"the backup {file} is damaged: {found}")


def _listed_in(database: Path) -> list[Backup]:
    if not database.exists():
        return []
    query = 'SELECT body FROM documents WHERE kind=? AND "group"=?'
    try:
        with closing(sqlite3.connect(database)) as db:
            rows = db.execute(query, (kinds.NOTE, kinds.BACKUP_NOTES)).fetchall()
    except sqlite3.DatabaseError as error:
        keys = {"path": str(database), "error": str(error)}
        log.warning("the list of backups in the replaced database cannot be read", extra=keys)
        return []
    return [load(Backup, unpack(body)) for (body,) in rows]


def _prepare(new: Path, file: Path, earlier: list[Backup], now: datetime) -> Restored:
    """Bring the copy up to date: its format, the list of backups, and what may have been told since."""
    database = Database(new)
    try:
        store = SqliteStore(database)
        taken_at = max(
            (backup.at for backup in backups.listed(store)),
            default=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        )
        for backup in (*earlier, Backup(taken_at, str(file.absolute()))):
            backups.add(store, backup)
        restored = Restored(now, taken_at)
        backups.record_restored(store, restored)
        _doubt_digests(store)
        return restored
    finally:
        database.close()


def _doubt_digests(store: Store) -> None:
    """Have each digest that the backup does not know as delivered say that it may be a repeat."""
    after = ""
    while True:
        page = store.every(kinds.DIGEST, limit=_AT_ONCE, after=after)
        for digest in page.records:
            doubted = Delivery(digest.name, digest.group, in_doubt=True)
            store.put(kinds.DELIVERY, digest.name, digest.group, dump(doubted), expect=0)
        if not (after := page.after):
            return


def _replace(database: Path, new: Path) -> None:
    """Raises StoreError if another process has the database open, and OSError."""
    with only_one(database.parent):
        if database.exists():
            try:
                with closing(sqlite3.connect(database, timeout=3, isolation_level=None)) as db:
                    lock_out(db, database, "is to be replaced")
                    new.replace(database)
                    sync(database.parent)
                    return
            except sqlite3.DatabaseError as error:
                log.warning("the replaced database was damaged", extra={"error": str(error)})
                remove_with_log(database)  # the log would be taken for that of the new file
        new.replace(database)
        sync(database.parent)
