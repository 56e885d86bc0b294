"""The SQLite file: durability, shared transactions, faults of the file, and files of earlier formats."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.local.database import Database
from shared.local.layout import FORMAT
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import QueueError
from shared.storage import indexes
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import StoreError
from tests.queue_items import decoded


@contextmanager
def traced(database, word: str):
    """The executed statements that contain this word."""
    statements: list[str] = []
    database._writer.set_trace_callback(lambda sql: statements.append(sql) if word in sql else None)
    yield statements
    database._writer.set_trace_callback(None)


@contextmanager
def held(database, writers: int):
    """No commit begins until this many writes wait for it."""
    database._committing = True
    yield
    while len(database._pending) < writers:
        threading.Event().wait(0.001)
    with database._committed:
        database._committing = False
        database._committed.notify_all()


def test_a_durable_write_is_synced_and_another_is_not(database):
    store, queue = SqliteStore(database), SqliteQueue(database, "events")
    assert database._writer.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    items = []
    levels = []
    for write in (
        lambda: queue.put(b"x"),
        lambda: store.put("delivery", "1", "soc", {"state": "sending"}),
        lambda: items.extend(queue.claim(lease=60)),
        lambda: store.put("delivery", "1", "soc", {"state": "delivered"}, durable=False),
        lambda: queue.retry(items[0], delay=0),
        lambda: store.put("delivery", "2", "soc", {"state": "sending"}),
    ):
        write()
        levels.append(database._writer.execute("PRAGMA synchronous").fetchone()[0])
    full, normal = 2, 1
    assert levels == [full, full, normal, normal, normal, full]


def test_one_durable_write_makes_its_whole_transaction_durable(database):
    store = SqliteStore(database)
    threads = [
        threading.Thread(target=store.put, args=("note", "", name, {}), kwargs={"durable": name == "a"})
        for name in "abc"
    ]
    with traced(database, "synchronous") as levels:
        with held(database, writers=3):
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join()
    assert levels == ["PRAGMA synchronous=FULL"]


def test_a_round_that_is_not_durable_leaves_durable_writes_to_a_commit_of_their_own(database):
    store, results = SqliteStore(database), list[bool]()
    thread = threading.Thread(target=lambda: results.append(store.put("note", "", "theirs", {})))
    with traced(database, "synchronous") as levels:
        with database.round(durable=False):
            store.put("note", "", "mine", {})
            thread.start()
            while not database._pending:
                threading.Event().wait(0.001)
        assert levels == [f"PRAGMA synchronous={level}" for level in ("NORMAL", "FULL")]
    thread.join()
    assert results == [True]
    assert [record.name for record in store.scan("note", "")] == ["mine", "theirs"]


@pytest.mark.parametrize("what", ["a round", "a write", "a write that is undone"])
def test_what_is_durable_syncs_all_that_was_committed_before_it(tmp_path, what):
    """SQLite syncs its log only with what it adds to it."""
    path, trace = tmp_path / "huntbridge.db", tmp_path / "trace"
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    code = """
import os, sys
from pathlib import Path
from shared.local.database import Database
def add(db, name="first"):
    db.execute("INSERT INTO documents VALUES (NULL, 'note', '', ?, 1, NULL, '{}')", (name,))
def undone(db):
    add(db, "second")
    raise ValueError
database = Database(Path(sys.argv[1]))
database.write(add, durable=False)
print("committed", file=sys.stderr, flush=True)
match sys.argv[2]:
    case "a round":
        with database.round():
            pass
    case "a write":
        database.write(lambda db: None)
    case _:
        database._careful = 9
        with database.round():
            try:
                database.write(undone)
            except ValueError:
                pass
print("durable", file=sys.stderr, flush=True)
os._exit(0)
"""
    command = ["strace", "-f", "-y", "-o", trace, "-e", "trace=write,fdatasync"]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, path, what], stderr=subprocess.PIPE, timeout=60, check=False
    )
    if b"committed" not in done.stderr:
        pytest.skip(f"strace cannot be used here: {done.stderr.decode()}")
    assert done.returncode == 0, done.stderr.decode()
    _, _, after = trace.read_text().partition('"committed')
    between, _, _ = after.partition('"durable')
    assert "fdatasync(" in between
    assert "huntbridge.db-wal" in between


def test_the_item_of_a_killed_process_is_there_for_the_next(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from shared.local.queue import *;"
        "SqliteQueue(Database(Path(sys.argv[1])), 'events').put(b'kept'); os._exit(9)"
    )
    path = tmp_path / "huntbridge.db"
    subprocess.run([sys.executable, "-c", code, str(path)], timeout=30, check=False)
    database = Database(path)
    assert [item.body for item in SqliteQueue(database, "events").claim(lease=60)] == [b"kept"]
    database.close()


def test_threads_that_write_at_once_share_transactions(database):
    queue = SqliteQueue(database, "events")
    threads = [threading.Thread(target=queue.put, args=(b"x",)) for _ in range(16)]
    with traced(database, "COMMIT") as commits:
        with held(database, writers=16):
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join()
    assert commits == ["COMMIT"]
    assert queue.depth().ready == 16


def broken(db: sqlite3.Connection) -> None:
    db.execute("INSERT INTO no_such_table VALUES (1)")


def test_a_failed_write_is_an_error_and_leaves_nothing(database):
    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO documents VALUES (NULL, 'note', '', 'half', 1, NULL, '{}')")
        broken(db)

    with pytest.raises(sqlite3.OperationalError):
        database.write(half)
    assert SqliteStore(database).get("note", "", "half") is None
    queue = SqliteQueue(database, "events")
    queue.put(b"the next one is not harmed")
    assert queue.depth().ready == 1


def at_once(database, *changes) -> list[Any]:
    """Write all changes in one batch. Returns the result of each, or the error that its thread got."""
    results: list[Any] = [None] * len(changes)

    def write(number: int) -> None:
        try:
            results[number] = database.write(changes[number])
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(changes))]
    with held(database, writers=len(changes)):
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(30)
    return results


def adds(name: str, text: str = ""):
    def add(db: sqlite3.Connection) -> str:
        db.execute(
            "INSERT INTO documents VALUES (NULL, 'note', '', ?, 1, NULL, ?)", (name, f'{{"text": "{text}"}}')
        )
        return name

    return add


class Unforeseen(BaseException):
    """Not even an Exception, such as SystemExit."""


def test_a_write_that_fails_fails_alone(database):
    def raises(db: sqlite3.Connection) -> None:
        raise Unforeseen

    results = at_once(database, adds("a"), broken, adds("b"), raises, adds("c"))
    assert [results[number] for number in (0, 2, 4)] == ["a", "b", "c"]
    assert isinstance(results[1], sqlite3.OperationalError)
    assert isinstance(results[3], Unforeseen)
    assert [record.name for record in SqliteStore(database).scan("note", "")] == ["a", "b", "c"]


def test_a_full_disk_fails_only_what_does_not_fit(database):
    SqliteQueue(database, "events").put(b"before")
    ((pages,),) = database._writer.execute("PRAGMA page_count").fetchall()
    database._writer.execute(f"PRAGMA max_page_count={pages}")
    large = "x" * 100_000
    results = at_once(database, adds("large", large), adds("small"), adds("larger", large))
    assert results[1] == "small"
    assert [str(results[number]) for number in (0, 2)] == ["database or disk is full"] * 2
    assert results[0] is not results[2]  # each writer has an error of its own


def test_a_file_that_another_process_holds_fails_a_batch_after_one_timeout(database, tmp_path):
    other = sqlite3.connect(tmp_path / "huntbridge.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with traced(database, "BEGIN") as begun:
        results = at_once(database, adds("a"), adds("b"), adds("c"))
    other.execute("COMMIT")
    other.close()
    assert [str(error) for error in results] == ["database is locked"] * 3
    assert len({id(error) for error in results}) == 3
    assert len(begun) == 1


def test_a_full_disk_is_an_error_and_heals_by_itself(database):
    queue = SqliteQueue(database, "events")
    queue.put(b"before")
    ((pages,),) = database._writer.execute("PRAGMA page_count").fetchall()
    database._writer.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(QueueError, match="cannot be written: database or disk is full"):
        queue.put(b"x" * 100_000)
    with pytest.raises(StoreError, match="cannot be written: database or disk is full"):
        SqliteStore(database).put("hunt", "", "a", {"x": secrets.token_hex(50_000)})
    assert queue.depth().ready == 1
    database._writer.execute("PRAGMA max_page_count=1000000")
    queue.put(b"x" * 100_000)
    assert queue.depth().ready == 2


def test_a_file_that_another_process_holds_is_an_error_after_the_timeout(database, tmp_path):
    other = sqlite3.connect(tmp_path / "huntbridge.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(QueueError, match="database is locked"):
        SqliteQueue(database, "events").put(b"x")
    other.execute("COMMIT")
    other.close()


@pytest.mark.parametrize("content", [b"this is not a database, it is a text of some length" * 40])
def test_a_file_that_is_something_else_is_refused(tmp_path, content):
    path = tmp_path / "huntbridge.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be opened as huntbridge's database: file is not a database"):
        Database(path)


def test_a_file_of_another_format_is_refused(tmp_path):
    path = tmp_path / "huntbridge.db"
    Database(path).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version=99")
    other.close()
    with pytest.raises(StoreError, match="has format 99, which is not 5"):
        Database(path)


FORMATS = Path(__file__).parent / "formats"  # made by the code of that time


@pytest.fixture(params=sorted(FORMATS.glob("*.db")), ids=lambda path: path.stem)
def earlier(request, tmp_path) -> Path:
    """A file as an earlier version left it."""
    return Path(shutil.copy(request.param, tmp_path / "huntbridge.db"))


def test_there_is_a_file_of_every_format():
    assert sorted(path.stem for path in FORMATS.glob("*.db")) == [f"{n}" for n in range(1, FORMAT + 1)]


def test_a_file_of_every_earlier_format_is_read(earlier, wall):
    wall.seconds += 61
    for _ in range(2):  # also when it is opened again
        database = Database(earlier)
        ledger = Ledger(SqliteStore(database), lambda: datetime.fromtimestamp(wall.seconds, UTC))
        hunt = ledger.hunts.of_project(3)
        assert hunt
        assert (hunt.name, hunt.state, [c.system.instance for c in ledger.captures.of_hunt(hunt.id)]) == (
            "weekly",
            "running",
            ["i-0aaaaaaaaaaaaaaa1"],
        )
        assert ledger.events.routed_to("event-1") == ["soc"]
        assert ledger.deliveries.get("event-1", "soc").state == "delivered"
        events, deliveries = (SqliteQueue(database, name, wall) for name in ("events", "deliveries"))
        assert (events.depth().ready, events.depth().delayed) == (1, 1)
        assert [(dead.id, dead.reason) for dead in deliveries.dead_items()] == [("dead", "no_service")]
        assert deliveries.depth().ready == 1
        database.close()
    database = Database(earlier)
    deliveries = SqliteQueue(database, "deliveries", wall)
    deliveries.put(b"x", id="urgent", urgent=True)
    urgent, waited = (deliveries.claim(lease=60)[0] for _ in range(2))
    assert (urgent.id, waited.id, waited.surprises) == ("urgent", "event-1:soc", 0)
    assert load(Alarm, decoded(items.DeliverAlarm, waited.body).alarm).severity is Severity.MALICIOUS
    database.close()


def test_the_documents_of_every_earlier_format_can_be_indexed(earlier):
    database = Database(earlier)
    store = SqliteStore(database)
    for kind in indexes.INDEXED:
        store.reindex(kind, store.every(kind, limit=100).records)
    hunts, deliveries = (store.page(name, limit=9).records for name in (indexes.HUNTS, indexes.DELIVERIES))
    assert [record.group for record in hunts] == ["weekly"]
    assert [(record.group, record.name) for record in deliveries] == [("event-1", "soc")]
    database.close()


def body_in(store: SqliteStore) -> object:
    record = store.get("a", "g", "n")
    assert record
    return record.body


def test_a_read_only_database_creates_and_changes_no_file(tmp_path):
    with pytest.raises(StoreError, match="cannot be opened"):
        Database(tmp_path / "huntbridge.db", read_only=True)
    assert not list(tmp_path.iterdir())
    SqliteStore(Database(tmp_path / "huntbridge.db")).put("a", "g", "n", {"x": 1})
    store = SqliteStore(Database(tmp_path / "huntbridge.db", read_only=True))
    assert body_in(store) == {"x": 1}
    with pytest.raises(StoreError):
        store.put("a", "g", "n", {"x": 2})
    assert body_in(store) == {"x": 1}


def test_a_database_in_memory_is_empty_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, other = (SqliteStore(Database(None)) for _ in range(2))
    first.put("a", "g", "n", {"x": 1})
    assert body_in(first) == {"x": 1}
    assert other.get("a", "g", "n") is None
    assert not list(tmp_path.iterdir())
