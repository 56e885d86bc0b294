"""How SQLite finds the documents of a page, whatever the size of the tables, and keeps the entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.storage import indexes
from shared.storage.ports import StoreError


@pytest.fixture(autouse=True)
def things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(indexes._FUNCTIONS, "thing", lambda group, name, body: map(tuple, body["in"]))


@pytest.fixture
def store(database: Database) -> SqliteStore:
    return SqliteStore(database)


def thing(*places: str, **more: Any) -> dict[str, Any]:
    return {"in": [place.split() for place in places], **more}


def entries(database: Database) -> list[str]:
    rows = database.read(
        'SELECT "index", position, kind, "group", name FROM entries JOIN documents ON id=document', ()
    )
    return [" ".join(row) for row in rows]


# Every query begins at its first row, by a key of its table.

BY_ENTRY = "SEARCH e USING PRIMARY KEY (index=?"
BY_DOCUMENT = "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)"
BY_KEY = "USING INDEX sqlite_autoindex_documents_1 (kind=? AND"
IN_A_GROUP = f"SEARCH documents {BY_KEY} group=?"


def after_of(store: SqliteStore) -> str:
    return store.every("thing", limit=1).after


@pytest.mark.parametrize(
    ("use", "plan"),
    [
        (lambda store: store.page("x", limit=9), [f"{BY_ENTRY})", BY_DOCUMENT]),
        (lambda store: store.page("x", limit=9, after="2"), [f"{BY_ENTRY} AND position<?)", BY_DOCUMENT]),
        (
            lambda store: store.page("x", limit=9, after="2", newest_first=False),
            [f"{BY_ENTRY} AND position>?)", BY_DOCUMENT],
        ),
        (
            lambda store: store.page("x", limit=9, after="2", since="1", until="3"),
            [f"{BY_ENTRY} AND position>? AND position<?)", BY_DOCUMENT],
        ),
        (lambda store: store.page_of_group("thing", "g", limit=9), [f"{IN_A_GROUP})"]),
        (
            lambda store: store.page_of_group("thing", "g", limit=9, after="2", newest_first=True),
            [f"{IN_A_GROUP} AND name<?)"],
        ),
        (
            lambda store: store.every("thing", limit=9, after=after_of(store)),
            [f"SEARCH documents {BY_KEY} (group,name)>(?,?))"],
        ),
    ],
)
def test_a_page_is_found_by_a_key(database, store, use, plan):
    for number in range(4):
        store.put("thing", "g", f"{number}", thing(f"x {number}"))
    with read(database) as statements:
        use(store)
    query, values = statements[-1]
    assert "OFFSET" not in query
    steps = [row[3] for row in database.read(f"EXPLAIN QUERY PLAN {query}", values)]
    assert steps == plan  # no table is scanned, and nothing is sorted


def test_counting_and_reading_many_documents_use_a_key(database, store):
    store.put("thing", "g", "a", thing("x 1"))
    with read(database) as statements:
        store.count("x", prefix="1")
        store.read_many([("thing", "g", "a"), ("thing", "g", "b")])
    (count, its_values), (many, other_values) = statements
    plan = [row[3] for row in database.read(f"EXPLAIN QUERY PLAN {count}", its_values)]
    assert "SEARCH entries USING PRIMARY KEY (index=? AND position>? AND position<?)" in plan
    plan = [row[3] for row in database.read(f"EXPLAIN QUERY PLAN {many}", other_values)]
    assert plan[-1] == f"SEARCH d {BY_KEY} group=? AND name=?)"


@contextmanager
def read(database: Database) -> Iterator[list[tuple[str, tuple[Any, ...]]]]:
    """The statements that are read meanwhile, with their values."""
    statements: list[tuple[str, tuple[Any, ...]]] = []
    real = database.read

    def noting(query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        statements.append((query, values))
        return real(query, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "read", noting)
        yield statements


# What is written


@contextmanager
def changed(database: Database) -> Iterator[list[str]]:
    """The statements that change entries meanwhile."""
    statements: list[str] = []
    database._writer.set_trace_callback(
        lambda sql: statements.append(sql) if " entries " in sql and "SELECT" not in sql else None
    )
    yield statements
    database._writer.set_trace_callback(None)


def test_only_the_differences_are_written(database, store):
    def writes(body: dict[str, Any]) -> tuple[int, int]:
        with changed(database) as statements:
            store.put("thing", "g", "a", body)
        deleted = sum(statement.startswith("DELETE") for statement in statements)
        return deleted, len(statements) - deleted

    assert writes(thing("x 1", "y 1")) == (0, 2)
    assert writes(thing("x 1", "y 1", text="other")) == (0, 0)
    assert writes(thing("x 1", "y 2")) == (1, 1)
    assert writes(thing("y 2")) == (1, 0)
    assert entries(database) == ["y 2 thing g a"]


def test_a_kind_without_entries_is_not_read_before_it_is_written(database, store):
    statements: list[str] = []
    database._writer.set_trace_callback(statements.append)
    store.put("note", "g", "a", {})
    store.put("note", "g", "a", {}, expect=1)
    database._writer.set_trace_callback(None)
    assert not [one for one in statements if "SELECT" in one]


def test_a_failed_write_changes_no_entry(database, store, monkeypatch):
    """The document and its entries are one transaction."""
    store.put("thing", "g", "a", thing("x 1"))
    database._writer.execute(
        "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(FAIL, 'full'); END"
    )
    with pytest.raises(StoreError):
        store.put("thing", "g", "a", thing("y 1"))
    assert entries(database) == ["x 1 thing g a"]
    record = store.get("thing", "g", "a")
    assert record
    assert record.body == thing("x 1")


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.page("x", limit=100),
        lambda store: store.page_of_group("thing", "g", limit=100),
        lambda store: store.every("thing", limit=1_000),
        lambda store: store.count("x"),
    ],
)
def test_a_reader_of_pages_does_not_block_writers(database, store, use, tmp_path):
    """Readers see the state before a transaction that another process has begun, and hold no lock after."""
    for number in range(300):
        store.put("thing", "g", f"{number:03}", thing(f"x {number:03}"), durable=False)
    other = sqlite3.connect(tmp_path / "huntbridge.db", isolation_level=None, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM entries")
    before = use(store)
    other.execute("ROLLBACK")
    assert use(store) == before
    other.execute("BEGIN EXCLUSIVE")  # which no reader may hold open
    other.execute("COMMIT")
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    other.close()
