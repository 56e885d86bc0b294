"""Any order of writes and deletions: every index is what a simple model says it is.

The model keeps the documents in a dictionary and sorts them anew for each look at an index.
"""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from shared.aws.dynamodb import DynamoStore, table_definition
from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.storage import indexes
from shared.storage.ports import Store
from tests.moto_server import WITHOUT_SOURCE

NAMES, INDEXES, TIMES = "abcd", ("x", "y"), ("1", "2")
# Each place holds the name of its document, so no two documents have the same place.
PLACES = st.lists(st.tuples(st.sampled_from(INDEXES), st.sampled_from(TIMES)).map(list), max_size=3)
BODIES = st.fixed_dictionaries({"in": PLACES, "n": st.integers(0, 2)})


@pytest.fixture(autouse=True)
def things(monkeypatch: pytest.MonkeyPatch) -> None:
    def entries(group: str, name: str, body: Any) -> list[tuple[str, str]]:
        return [(f"{group}/{index}", f"{time}#{name}") for index, time in body["in"]]

    monkeypatch.setitem(indexes._FUNCTIONS, "thing", entries)


class Indexes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.store, self.group = self.make()
        self.documents: dict[str, tuple[int, dict[str, Any]]] = {}

    def make(self) -> tuple[Store, str]:
        raise NotImplementedError

    def version(self, name: str) -> int:
        return self.documents[name][0] if name in self.documents else 0

    @rule(name=st.sampled_from(NAMES), body=BODIES, expect=st.sampled_from([None, "new", "right", "wrong"]))
    def put(self, name: str, body: dict[str, Any], expect: str | None) -> None:
        version = self.version(name)
        expected = {None: None, "new": 0, "right": version, "wrong": version + 1}[expect]
        written = self.store.put("thing", self.group, name, body, expect=expected)
        assert written == (expected in (None, version))
        if written:
            self.documents[name] = (version + 1, body)

    @rule(name=st.sampled_from(NAMES), body=BODIES, interrupted=st.booleans())
    def update(self, name: str, body: dict[str, Any], interrupted: bool) -> None:
        """Also where another writer comes between the reading and the writing."""
        pending = [name] if interrupted else []

        seen: list[Any] = []

        def change(before: Any) -> tuple[dict[str, Any], None]:
            seen.append(before)
            if pending:
                self.put(pending.pop(), {"in": [["x", "1"], ["y", "2"]], "n": 3}, None)
            return body, None

        self.store.update("thing", self.group, name, change)
        if seen[-1] != body:
            self.documents[name] = (self.version(name) + 1, body)

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: str) -> None:
        self.store.delete("thing", self.group, name)
        self.documents.pop(name, None)

    @rule()
    def reindex(self) -> None:
        self.store.reindex("thing", list(self.store.scan("thing", self.group)))

    @invariant()
    def every_index_is_right(self) -> None:
        for index, newest_first in zip(INDEXES, (False, True), strict=True):
            places = {
                (time, name)
                for name, (_, body) in self.documents.items()
                for at, time in body["in"]
                if at == index
            }
            expected = [name for _, name in sorted(places, reverse=newest_first)]
            found: list[str] = []
            after, ends = "", False
            while not ends:
                page = self.store.page(
                    f"{self.group}/{index}", limit=3, after=after, newest_first=newest_first
                )
                found += [record.name for record in page.records]
                after, ends = page.after, not page.after
            assert found == expected
            assert self.store.count(f"{self.group}/{index}") == len(expected)


def test_on_one_machine():
    with tempfile.TemporaryDirectory() as folder:
        opened: list[Database] = []

        class OnSqlite(Indexes):
            def make(self) -> tuple[Store, str]:
                opened.append(Database(Path(folder) / f"{len(opened)}.db"))
                opened[-1]._levels = dict.fromkeys((True, False), "OFF")
                return SqliteStore(opened[-1]), "g"

            def teardown(self) -> None:
                opened[-1].close()

        run(OnSqlite, examples=25, steps=15)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_on_aws(moto_clients):
    table = f"table-{uuid.uuid4()}"
    definition = table_definition()
    del definition["TimeToLiveSpecification"]
    moto_clients.call("dynamodb", "create_table", TableName=table, **definition)

    class OnAws(Indexes):
        def make(self) -> tuple[Store, str]:
            return DynamoStore(moto_clients, table), uuid.uuid4().hex[:8]

    OnAws.__module__ = WITHOUT_SOURCE
    run(OnAws, examples=3, steps=10)


def run(machine: type[Indexes], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
