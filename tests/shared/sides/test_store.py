"""The contract of `shared.storage.ports.Store`, which every store passes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from shared.storage.ports import Record, Store
from tests.shared.sides.conftest import Side
from tests.shared.sides.together import at_once


@pytest.fixture
def store(side: Side) -> Store:
    return side.store


# get and put


def test_a_document_is_read_as_it_was_written(store):
    body = {"text": "naïve \u202e \U0001f512 'quoted' \"twice\"", "list": [1, None, True, {"a": 1.5}]}
    assert store.get("hunt", "weekly", "a") is None
    assert store.put("hunt", "weekly", "a", body)
    assert store.get("hunt", "weekly", "a") == Record("weekly", "a", 1, body)


def test_each_write_adds_one_to_the_version(store):
    for version in (1, 2, 3):
        assert store.put("hunt", "g", "a", {"n": version})
        assert store.get("hunt", "g", "a") == Record("g", "a", version, {"n": version})


def test_a_write_that_expects_another_version_changes_nothing(store):
    assert store.put("hunt", "g", "a", {"n": 1}, expect=0)
    assert not store.put("hunt", "g", "a", {"n": 2}, expect=0)
    assert store.put("hunt", "g", "a", {"n": 3}, expect=1)
    assert not store.put("hunt", "g", "a", {"n": 4}, expect=1)
    assert not store.put("hunt", "g", "b", {"n": 5}, expect=1)
    assert store.get("hunt", "g", "a") == Record("g", "a", 2, {"n": 3})
    assert store.get("hunt", "g", "b") is None


def test_of_many_threads_that_create_one_document_one_succeeds(store):
    created = []

    def create(number: int) -> None:
        if store.put("case", "c", "slack", {"by": number}, expect=0):
            created.append(number)

    at_once(8, create)
    assert len(created) == 1
    record = store.get("case", "c", "slack")
    assert record is not None
    assert record.body == {"by": created[0]}


def test_every_write_of_several_threads_counts(store):
    def write(_: int) -> None:
        for number in range(3):
            store.put("case", "c", "slack", {"n": number})

    at_once(4, write)
    assert store.get("case", "c", "slack").version == 12


# Large documents


def test_a_long_document(store):
    body = {"alarms": [f"{number:x} \u202e" for number in range(20_000)]}
    assert store.put("event", "g", "a", body)
    assert [record.body for record in store.scan("event", "g")] == [body]
    assert store.put("event", "g", "a", {"now": "short"})
    assert store.get("event", "g", "a") == Record("g", "a", 2, {"now": "short"})


def test_a_document_of_some_megabytes(store):
    body = {"alarms": [random.Random(number).randbytes(500).hex() for number in range(3_000)]}
    assert store.put("event", "g", "large", body, expect=0)
    assert store.put("event", "g", "small", {})
    assert store.get("event", "g", "large") == Record("g", "large", 1, body)
    assert [record.body for record in store.scan("event", "g")] == [body, {}]
    assert not store.put("event", "g", "large", {}, expect=3)
    assert store.put("event", "g", "large", {"alarms": []}, expect=1)
    assert store.get("event", "g", "large") == Record("g", "large", 2, {"alarms": []})
    store.put("event", "g", "large", body)
    store.delete("event", "g", "large")
    assert store.get("event", "g", "large") is None


# delete, scan and groups


def test_a_deleted_document_is_gone_and_can_be_created_again(store):
    store.put("hunt", "", "a", {"n": 1})
    store.delete("hunt", "", "a")
    store.delete("hunt", "", "never there")
    assert store.get("hunt", "", "a") is None
    assert store.put("hunt", "", "a", {"n": 2}, expect=0)


def test_a_scan_returns_one_group_of_one_kind_by_name(store):
    for kind, group, name in [("a", "g", "2"), ("a", "g", "1"), ("a", "h", "3"), ("b", "g", "4")]:
        store.put(kind, group, name, {"at": f"{kind}{group}{name}"})
    assert [record.body for record in store.scan("a", "g")] == [{"at": "ag1"}, {"at": "ag2"}]
    assert list(store.scan("c", "g")) == []


def test_groups_are_found_by_their_beginning(store):
    groups = ["e1", "e1-2", "e10", "e2", "e_", "e%", "\U0001f512"]
    for kind, group in [*(("event", group) for group in groups), ("events", "e1x"), ("case", "e1y")]:
        for name in ("a", "b"):
            store.put(kind, group, name, {})
    assert store.groups("event", "e1", 10) == ["e1", "e1-2", "e10"]
    assert store.groups("event", "e_", 10) == ["e_"]
    assert store.groups("event", "e%", 10) == ["e%"]
    assert store.groups("event", "", 10) == sorted(groups)
    assert store.groups("event", "f", 10) == []
    assert len(store.groups("event", "", 2)) == 2


# update


def count(body):
    number = (body or {"n": 0})["n"] + 1
    return {"n": number}, number


def test_an_update_creates_a_document_or_changes_it(store):
    assert store.update("hunt", "g", "a", count) == 1
    assert store.update("hunt", "g", "a", count, durable=False) == 2
    assert store.get("hunt", "g", "a") == Record("g", "a", 2, {"n": 2})


@pytest.mark.parametrize("change", [lambda body: (None, "kept"), lambda body: (body, "kept")])
def test_an_update_that_changes_nothing_writes_nothing(store, change):
    store.put("hunt", "g", "a", {"n": 1})
    assert store.update("hunt", "g", "a", change) == "kept"
    assert store.get("hunt", "g", "a") == Record("g", "a", 1, {"n": 1})
    assert store.update("hunt", "g", "b", change) == "kept"
    assert store.get("hunt", "g", "b") is None


def test_an_update_starts_again_where_another_write_came_between(store):
    seen: list[Any] = []

    def change(body):
        if not seen:
            store.put("hunt", "g", "a", {"n": 7})
        seen.append(body)
        return count(body)

    assert store.update("hunt", "g", "a", change) == 8
    assert seen == [None, {"n": 7}]
    assert store.get("hunt", "g", "a") == Record("g", "a", 2, {"n": 8})


def test_every_update_of_several_threads_counts(store):
    numbers = []
    at_once(8, lambda _: numbers.append(store.update("hunt", "g", "a", count)))
    assert sorted(numbers) == list(range(1, 9))
    assert store.get("hunt", "g", "a") == Record("g", "a", 8, {"n": 8})


def test_an_update_whose_change_fails_writes_nothing(store):
    def fail(body):
        raise KeyError("no such hunt")

    with pytest.raises(KeyError):
        store.update("hunt", "g", "a", fail)
    assert store.get("hunt", "g", "a") is None
