"""The tables of the SQLite file. `conversion` brings the file of an earlier version up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from shared.storage.ports import StoreError

FORMAT = 5
# A document is deleted when the day `expires`, counted from 1970, is over. `shared.local.packing` says what a
# body is, and `shared.storage.indexes` what the entries are.
DOCUMENTS = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL, "group" TEXT NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, expires INTEGER, body NOT NULL,
    UNIQUE (kind, "group", name)
);
CREATE TABLE entries (
    "index" TEXT NOT NULL, position TEXT NOT NULL, document INTEGER NOT NULL,
    PRIMARY KEY ("index", position)
) WITHOUT ROWID
"""
ITEMS = """
CREATE TABLE items (
    queue TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    added REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, receipt TEXT,
    urgent INTEGER NOT NULL DEFAULT 0, surprises INTEGER NOT NULL DEFAULT 0, lane TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (queue, id)
);
CREATE INDEX items_due ON items (queue, urgent DESC, due);
CREATE INDEX items_by_lane ON items (queue, lane, urgent DESC, due);
CREATE TABLE dead (
    queue TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    added REAL NOT NULL, died REAL NOT NULL, attempts INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (queue, id)
)
"""


def format_of(db: sqlite3.Connection, path: Path | None) -> int:
    """0 for an empty file. Raises StoreError if a newer version wrote the file."""
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if 0 <= found <= FORMAT:
        return int(found)
    raise StoreError(
        f"{path} has format {found}, which is not {FORMAT}: a newer huntbridge wrote it; install "
        "that version again, or name another data directory with --data"
    )


def make_tables(db: sqlite3.Connection) -> None:
    """Make the tables in an empty file, in one transaction."""
    db.execute("PRAGMA auto_vacuum=INCREMENTAL")  # works only before the first table is made
    db.execute("BEGIN IMMEDIATE")
    try:
        if not format_of(db, None):  # another process may have been faster
            for statement in f"{DOCUMENTS};{ITEMS}".split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
