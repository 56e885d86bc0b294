"""The file of an earlier version is converted when it is opened, and stays beside it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shared.local import conversion
from shared.local.database import Database
from shared.local.layout import FORMAT
from shared.local.store import SqliteStore
from shared.storage import indexes, kinds
from shared.storage.ports import StoreError

FORMATS = Path(__file__).parent / "formats"
EARLIER = [path for path in sorted(FORMATS.glob("*.db")) if path.stem != str(FORMAT)]
DAY = 86_400


@pytest.fixture(params=EARLIER, ids=lambda path: path.stem)
def path(request, tmp_path) -> Path:
    return Path(shutil.copy(request.param, tmp_path / "huntbridge.db"))


@pytest.fixture
def last(tmp_path) -> Path:
    return Path(shutil.copy(FORMATS / f"{FORMAT - 1}.db", tmp_path / "huntbridge.db"))


def content(path: Path) -> dict[str, Any]:
    """The tables of a file with all rows, and its format."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        rows = {table: sorted(map(repr, db.execute(f"SELECT * FROM {table}"))) for table in tables}
        return rows | {"format": db.execute("PRAGMA user_version").fetchone()}


def documents(path: Path) -> dict[str, list[Any]]:
    database = Database(path)
    store = SqliteStore(database)
    found = {kind: list(store.every(kind, limit=1_000).records) for kind in kinds.KINDS}
    database.close()
    return found


def test_the_earlier_file_stays_as_it_was(path):
    before = content(path)
    Database(path).close()
    backup = conversion.backup_of(path, before["format"][0])
    assert content(backup) == before
    assert backup.stat().st_mode & 0o077 == 0
    after = content(path)
    assert after["format"] == (FORMAT,)
    for table in ("documents", "items", "dead"):
        assert len(after[table]) == len(before[table]) > 0
    assert sorted(file.name for file in path.parent.iterdir()) == [backup.name, path.name]


def test_a_backup_can_be_put_back_and_converted_again(last):
    found = documents(last)
    backup = conversion.backup_of(last, FORMAT - 1)
    shutil.copy(backup, last)
    assert documents(last) == found
    assert content(backup)["format"] == (FORMAT - 1,)


def test_documents_keep_their_entries_and_expire_by_their_kind(last, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 100 * DAY + 5)
    monkeypatch.setattr(conversion, "remove_old_backups", lambda path, now: None)
    with closing(sqlite3.connect(last)) as db:
        body = {"event_id": "e", "state": "delivered", "first_at": "2026-11-24T03:00:00Z"}
        db.execute("INSERT INTO documents VALUES ('delivery', 'e', 'soc', 7, ?)", (json.dumps(body),))
        for entry in indexes.entries("delivery", "e", "soc", body):
            values = (entry.index, entry.position, "delivery", "e", "soc")
            db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", values)
        db.commit()
    database = Database(last)
    (record,) = (
        each for each in SqliteStore(database).page(indexes.DELIVERIES, limit=9).records if each.group == "e"
    )
    assert (record.version, record.body["state"]) == (7, "delivered")
    expiry: dict[str, int | None] = dict(database.read("SELECT DISTINCT kind, expires FROM documents", ()))
    assert (expiry["delivery"], expiry["hunt"], expiry["open-hunt"]) == (280, 500, None)
    assert database.read("PRAGMA auto_vacuum", ()) == [(2,)]
    database.close()


@pytest.mark.parametrize("step", ["_copy", "sync", "_keep", "Path.replace"])
@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_step_loses_nothing(last, step, before):
    """The process ends at once before or after a step; the next start converts."""
    script = f"""
import os, sys
from pathlib import Path
from shared.local import conversion
real = conversion.{step}
def dies(*values):
    if not {before}: real(*values)
    os._exit(9)
conversion.{step} = dies
conversion.convert(Path(sys.argv[1]), 1)
"""
    died = subprocess.run([sys.executable, "-c", script, str(last)], check=False)
    assert died.returncode == 9
    found = documents(last)
    assert found[kinds.HUNT]
    assert found[kinds.DELIVERY]
    assert content(conversion.backup_of(last, FORMAT - 1))["format"] == (FORMAT - 1,)
    assert not last.with_name(f"{last.name}.new").exists()


def test_an_error_changes_nothing(last, monkeypatch):
    before = content(last)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "sync", full)
        with pytest.raises(StoreError, match=r"cannot be opened .* No space left on device"):
            Database(last)
    assert content(last) == before
    assert [file.name for file in last.parent.iterdir()] == [last.name]
    Database(last).close()


def test_a_disk_with_too_little_room_is_an_error(last, monkeypatch):
    usage = SimpleNamespace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    before = content(last)
    with pytest.raises(StoreError, match="needs 0 MB of free disk space, and 0 MB are free"):
        Database(last)
    assert content(last) == before


def test_a_file_that_another_process_uses_is_not_converted(last):
    with closing(sqlite3.connect(last)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("SELECT * FROM documents").fetchall()
        with pytest.raises(StoreError, match="another process uses it: stop all processes of huntbridge"):
            Database(last, busy_timeout=0.1)
        other.execute("INSERT INTO documents VALUES ('note', '', 'of the earlier version', 1, '{}')")
        other.commit()
    assert "of the earlier version" in [record.name for record in documents(last)[kinds.NOTE]]


def test_several_processes_may_open_it_at_once(last):
    results: list[Any] = []

    def open_it() -> None:
        try:
            database = Database(last)
            results.append(database.read("PRAGMA user_version", ()))
            SqliteStore(database).put("note", "", secrets.token_hex(4), {})
            database.close()
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[(FORMAT,)]] * 6
    notes = [record for record in documents(last)[kinds.NOTE] if not record.group]
    assert len(notes) == 6


def test_a_backup_is_removed_after_a_month(last):
    Database(last).close()
    backup = conversion.backup_of(last, FORMAT - 1)
    Database(last).close()
    assert backup.exists()
    old = backup.stat().st_mtime - 31 * DAY
    os.utime(backup, (old, old))
    Database(last, read_only=True).close()
    assert backup.exists()
    Database(last).close()
    assert not backup.exists()
