"""Brings the SQLite file of an earlier version up to date: copies it into a new file, which takes its place.

The earlier file stays beside it, unchanged, as a backup. Until the new file is complete and on the disk, the
name of the database leads to the earlier file. So a crash loses nothing, and the next start begins again.

The earlier file is locked meanwhile, so no other process has it open.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from shared.local.layout import DOCUMENTS, FORMAT, ITEMS, format_of
from shared.local.packing import pack_text
from shared.local.private import make_private
from shared.storage.kinds import KINDS, days_kept
from shared.storage.ports import StoreError

log = logging.getLogger(__name__)

_DAY = 86_400  # seconds
_BACKUP_DAYS = 30
# Characters. To compress shorter bodies as well would take longer, and they are compressed when they are
# written again.
_LONG = 400


def backup_of(path: Path, format: int) -> Path:
    """Where the file of an earlier format is kept."""
    return path.with_name(f"{path.stem}-format-{format}{path.suffix}")


def earlier_files(path: Path) -> list[Path]:
    """The files of earlier formats that are kept."""
    return [file for format in range(1, FORMAT) if (file := backup_of(path, format)).exists()]


def convert(path: Path, busy_timeout: float, *, keep: bool = True) -> None:
    """Does nothing if the file has the newest format, is empty, or is missing.

    Raises sqlite3.Error and OSError. Raises StoreError if a newer version wrote the file, if another process
    has it open, or if the disk has too little room. Then nothing has changed. `busy_timeout` is how many
    seconds to wait for other processes. With `keep`, the earlier file stays beside the new one.
    """
    if not path.exists():
        return
    with (
        only_one(path.parent),
        closing(sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)) as db,
    ):
        before = format_of(db, path)
        if before not in (0, FORMAT):
            lock_out(db, path)
            _convert(db, path, before, keep)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Wait until no other process is here. One that had opened the earlier file before another process
    replaced it would find a log beside it that belongs to the new file."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def lock_out(
    db: sqlite3.Connection, path: Path, why: str = "is of an earlier version and has to be converted"
) -> None:
    """Keep all other processes from the file until the connection is closed. `why`: what it is locked for.
    Raises StoreError if another process has it open."""
    try:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=DELETE")  # the log becomes a part of the file
        db.execute("BEGIN EXCLUSIVE")
        db.execute("COMMIT")  # which keeps the lock in this mode
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"{path} {why}, but another process uses it: stop all "
            f"processes of huntbridge in this data directory first ({error})"
        ) from error


def remove_old_backups(path: Path, now: float) -> None:
    """Remove the files of earlier versions a month after their conversion. `now` is in epoch seconds."""
    for format in range(1, FORMAT):
        backup = backup_of(path, format)
        with suppress(OSError):
            if now - backup.stat().st_mtime > _BACKUP_DAYS * _DAY:
                backup.unlink()


def _convert(db: sqlite3.Connection, path: Path, before: int, keep: bool) -> None:
    began = time.monotonic()
    size, free = path.stat().st_size, shutil.disk_usage(path.parent).free
    if free < size:  # the new file is smaller in most cases, and never much larger
        raise StoreError(
            f"{path} has to be converted, which needs {size / 1e6:,.0f} MB of free disk space, and "
            f"{free / 1e6:,.0f} MB are free"
        )
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)  # of a conversion that was interrupted
    make_private(new)
    try:
        _copy(db, new)
        sync(new)
        backup = backup_of(path, before) if keep else None
        if backup:
            _keep(path, backup)
        new.replace(path)
        sync(path.parent)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    seconds = round(time.monotonic() - began, 1)
    if backup:
        keys = {"format": FORMAT, "backup": str(backup), "seconds": seconds}
        log.warning("the database was converted, and the file of the earlier version is kept", extra=keys)
    else:
        log.info("the database was converted", extra={"format": FORMAT, "seconds": seconds})


def _copy(db: sqlite3.Connection, new: Path) -> None:
    """Copy all rows into tables of this version. What the earlier tables lack has its default."""
    db.execute("ATTACH ? AS new", (str(new),))
    # A crash leaves a useless new file in any case.
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "auto_vacuum=INCREMENTAL", "cache_size=-64000"):
        db.execute(f"PRAGMA new.{pragma}")
    db.create_function("pack", 1, pack_text, deterministic=True)
    db.execute("BEGIN")
    for statement in f"{DOCUMENTS};{ITEMS}".split(";"):
        db.execute(re.sub("^CREATE (TABLE|INDEX) ", r"CREATE \1 new.", statement.strip()))
    db.execute("CREATE TEMP TABLE kept (kind TEXT PRIMARY KEY, expires INTEGER) WITHOUT ROWID")
    today = int(time.time()) // _DAY
    kept = [(kind, today + days) for kind in KINDS if (days := days_kept(kind)) is not None]
    db.executemany("INSERT INTO kept VALUES (?, ?)", kept)
    db.execute(
        'INSERT INTO new.documents (kind, "group", name, version, expires, body) '
        'SELECT kind, "group", name, version, (SELECT expires FROM kept WHERE kind=d.kind), '
        "CASE WHEN length(body)>? THEN pack(body) ELSE body END "
        'FROM main.documents d ORDER BY kind, "group", name',
        (_LONG,),
    )
    if _columns(db, "main", "entries"):
        db.execute(
            'INSERT INTO new.entries SELECT e."index", e.position, d.id FROM main.entries e '
            'JOIN new.documents d ON d.kind=e.kind AND d."group"=e."group" AND d.name=e.name '
            'ORDER BY e."index", e.position'
        )
    for table in ("items", "dead"):
        both = ", ".join(_columns(db, "main", table))
        db.execute(f"INSERT INTO new.{table} ({both}) SELECT {both} FROM main.{table} ORDER BY rowid")  # noqa: S608
    db.execute(f"PRAGMA new.user_version={FORMAT}")
    db.execute("COMMIT")
    db.execute("DETACH new")


def _columns(db: sqlite3.Connection, schema: str, table: str) -> list[str]:
    rows = db.execute("SELECT name FROM pragma_table_info(?, ?)", (table, schema))
    return [name for (name,) in rows]


def _keep(path: Path, backup: Path) -> None:
    """Give the file its second name. An earlier backup of the same format is replaced."""
    beside = backup.with_name(f"{backup.name}.new")
    beside.unlink(missing_ok=True)
    try:
        os.link(path, beside)
    except OSError:  # a file system without links
        shutil.copyfile(path, beside)
        beside.chmod(0o600)
        sync(beside)
    os.utime(beside)  # its age counts from now on
    beside.replace(backup)


def sync(path: Path) -> None:
    """Put a file or a directory on the disk. Raises OSError."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
