"""Writes the data of one machine as the previous version reads it: the way back from `conversion`.

The file has everything that this version stored. The previous version leaves alone what it does not know.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from shared.local.backup import make_backup
from shared.local.conversion import sync
from shared.local.packing import unpack_text
from shared.local.private import make_private
from shared.storage.ports import StoreError

FORMAT = 4  # of 0.1.0
_STATEMENTS = """
CREATE TABLE entries (
    "index" TEXT NOT NULL, position TEXT NOT NULL,
    kind TEXT NOT NULL, "group" TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY ("index", position)
) WITHOUT ROWID;
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
INSERT INTO documents SELECT kind, "group", name, version, unpack(body) FROM now.documents;
INSERT INTO entries SELECT e."index", e.position, d.kind, d."group", d.name
    FROM now.entries e JOIN now.documents d ON d.id = e.document;
INSERT INTO items SELECT queue, id, body, added, due, attempts, receipt, urgent, surprises FROM now.items;
INSERT INTO dead SELECT queue, id, body, added, died, attempts, reason FROM now.dead
"""


def write_earlier(database: Path, inbox: Path, to: Path) -> None:
    """Write the file `to`. Raises StoreError, also if it exists already."""
    whole, new = (to.with_name(f"{to.name}.{suffix}") for suffix in ("now", "new"))
    try:
        if to.exists():
            raise StoreError(f"{to} exists already, and is not replaced")
        for left in (whole, new):  # of an earlier attempt that was interrupted
            left.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{to} cannot be written: {error.strerror}") from error
    try:
        make_backup(database, inbox, whole)  # which has what waits in the inbox
        make_private(new)
        _copy(whole, new)
        sync(new)
        new.rename(to)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{to} cannot be written: {error}") from error
    finally:
        for left in (whole, new):
            left.unlink(missing_ok=True)


def _copy(whole: Path, new: Path) -> None:
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.create_function("unpack", 1, unpack_text, deterministic=True)
        db.execute("ATTACH ? AS now", (str(whole),))
        db.execute("BEGIN")
        for statement in _STATEMENTS.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute("COMMIT")
