"""The tables of the SQLite file, and the statements that bring the file of an earlier version up to date."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from shared.storage.ports import StoreError

FORMAT = 5
# The entries of the indexes, see `shared.storage.indexes`.
_ENTRIES = """
CREATE TABLE entries (
    "index" TEXT NOT NULL, position TEXT NOT NULL,
    kind TEXT NOT NULL, "group" TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY ("index", position)
) WITHOUT ROWID
"""
_BY_LANE = "CREATE INDEX items_by_lane ON items (queue, lane, urgent DESC, due)"
_TABLES = f"""{_ENTRIES};
CREATE TABLE documents (
    kind TEXT NOT NULL, "group" TEXT NOT NULL, name TEXT NOT NULL,
    version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, "group", name)
) WITHOUT ROWID;
CREATE TABLE items (
    queue TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    added REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, receipt TEXT,
    urgent INTEGER NOT NULL DEFAULT 0, surprises INTEGER NOT NULL DEFAULT 0, lane TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (queue, id)
);
CREATE INDEX items_due ON items (queue, urgent DESC, due);
{_BY_LANE};
CREATE TABLE dead (
    queue TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL,
    added REAL NOT NULL, died REAL NOT NULL, attempts INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (queue, id)
);
"""

# For each earlier format, the statements that turn it into the next format. A new file gets the newest format
# at once.
_UPDATES = {
    1: """
ALTER TABLE items ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
DROP INDEX items_due;
CREATE INDEX items_due ON items (queue, urgent DESC, due);
""",
    2: "ALTER TABLE items ADD COLUMN surprises INTEGER NOT NULL DEFAULT 0",
    3: _ENTRIES,  # `scheduler.index_old_documents` fills it
    4: f"ALTER TABLE items ADD COLUMN lane TEXT NOT NULL DEFAULT ''; {_BY_LANE}",
}


def prepare(db: sqlite3.Connection, path: Path | None) -> None:
    """Make the tables, or update those of an older format, in one transaction.

    Raises sqlite3.Error, or StoreError if a newer version wrote the file. Then nothing has changed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        (current,) = db.execute("PRAGMA user_version").fetchone()
        if current != FORMAT:
            for script in _scripts(current, path):
                for statement in script.split(";"):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={FORMAT}")
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _scripts(current: int, path: Path | None) -> list[str]:
    if current == 0:
        return [_TABLES]
    if current in _UPDATES:
        return [_UPDATES[version] for version in range(current, FORMAT)]
    raise StoreError(
        f"{path} has format {current}, which is not {FORMAT}: a newer huntbridge wrote it; install "
        "that version again, or name another data directory with --data"
    )
