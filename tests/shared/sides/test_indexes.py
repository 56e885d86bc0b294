"""The contract of the store's indexes and pages, which every store keeps.

Documents of the kind `thing` name their own entries, so the tests can place them anywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from shared.storage import indexes
from shared.storage.ports import MOST_ON_A_PAGE, Page, Place, Places, Record, Store
from tests.shared.sides.conftest import Side
from tests.shared.sides.together import at_once

T1, T2, T3 = (f"2026-11-29T10:42:0{second}.000000Z" for second in (1, 2, 3))


@pytest.fixture(autouse=True)
def things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(indexes._FUNCTIONS, "thing", lambda group, name, body: map(tuple, body["in"]))


@pytest.fixture
def store(side: Side) -> Store:
    return side.store


def thing(*places: tuple[str, str], **more: object) -> dict[str, object]:
    return {"in": [list(place) for place in places], **more}


def put(store: Store, name: str, *positions: str, index: str = "all", **more: object) -> None:
    store.put("thing", "g", name, thing(*((index, position) for position in positions), **more))


def pages(store: Store, index: str = "all", **how: Any) -> Iterator[Page]:
    after = ""
    for _ in range(100):
        page = store.page(index, after=after, **how)
        yield page
        if not (after := page.after):
            return
    raise AssertionError("the pages have no end")


def names(store: Store, index: str = "all", *, limit: int = 2, **how: Any) -> list[str]:
    return [record.name for page in pages(store, index, limit=limit, **how) for record in page.records]


# The order of a page, and where it ends


def test_pages_are_in_the_order_of_the_positions(store):
    for number in random.Random(1).sample(range(7), 7):
        put(store, f"n{number}", f"{T1}#{number}")
    newest_first = [f"n{number}" for number in range(6, -1, -1)]
    for limit in (1, 2, 3, 7, 100):
        assert names(store, limit=limit) == newest_first
        assert names(store, limit=limit, newest_first=False) == newest_first[::-1]


def test_only_an_empty_after_is_the_end(store):
    assert store.page("all", limit=2) == Page(())
    for number in range(5):
        put(store, f"n{number}", f"{T1}#{number}")
    found = list(pages(store, limit=2))
    assert all(len(page.records) <= 2 for page in found)
    assert [page.after != "" for page in found] == [True] * (len(found) - 1) + [False]
    assert store.page("all", limit=2).records[0] == Record("g", "n4", 1, thing(("all", f"{T1}#4")))


def test_documents_of_the_same_time_are_in_the_order_of_their_ids(store):
    for name in ("b", "a", "é", "\U0001f512", "aa", "Z", "\uffff"):
        put(store, name, f"{T1}#{name}")
    assert names(store, newest_first=False) == ["Z", "a", "aa", "b", "é", "\uffff", "\U0001f512"]
    assert names(store) == ["Z", "a", "aa", "b", "é", "\uffff", "\U0001f512"][::-1]


def test_a_page_has_a_bound(store):
    for number in range(MOST_ON_A_PAGE + 5):
        put(store, f"n{number:03}", f"{T1}#{number:03}")
    (first, second) = pages(store, limit=1_000)
    assert (len(first.records), len(second.records)) == (MOST_ON_A_PAGE, 5)
    assert len(store.page("all", limit=0).records) == 1


@pytest.mark.parametrize("newest_first", [True, False])
def test_bounds_include_the_first_position_and_not_the_last(store, newest_first):
    for time in (T1, T2, T3):
        for id in "ab":
            put(store, f"{time[-9]}{id}", f"{time}#{id}")

    def within(**bounds: Any) -> list[str]:
        return sorted(names(store, limit=2, newest_first=newest_first, **bounds))

    assert within(since=T2) == ["2a", "2b", "3a", "3b"]
    assert within(until=T2) == ["1a", "1b"]
    assert within(since=T2, until=T3) == ["2a", "2b"]
    assert within(since=f"{T1}#b", until=f"{T3}#a") == ["1b", "2a", "2b"]
    assert within(since=f"{T1}#a", until=f"{T3}#b") == ["1a", "1b", "2a", "2b", "3a"]
    assert within(since=T3, until=T2) == within(since=T2, until=T2) == []
    assert within(since="3") == within(until="1") == []


@pytest.mark.parametrize("newest_first", [True, False])
def test_any_text_may_stand_as_after(store, newest_first):
    """A caller may keep the end of a page for days. The entry may be gone by then."""
    for number in range(4):
        put(store, f"n{number}", f"{T2}#{number}")

    def after(text: str, **bounds: str) -> list[str]:
        page = store.page("all", limit=9, after=text, newest_first=newest_first, **bounds)
        return [record.name for record in page.records]

    assert after(f"{T2}#1x") == (["n1", "n0"] if newest_first else ["n2", "n3"])
    assert after(f"{T2}#2", since=f"{T2}#1", until=f"{T2}#3") == (["n1"] if newest_first else [])
    everything = ["n3", "n2", "n1", "n0"] if newest_first else ["n0", "n1", "n2", "n3"]
    assert after(T1) == ([] if newest_first else everything)
    assert after(T3) == (everything if newest_first else [])
    assert after(T3, until=T3) == (everything if newest_first else [])
    assert after("'; DROP TABLE entries --") == ([] if newest_first else everything)


# What a write does to the indexes


def test_a_document_is_in_several_indexes_and_twice_in_one(store):
    store.put("thing", "g", "a", thing(("all", "1"), ("all", "2"), ("some", "1")))
    assert names(store) == ["a", "a"]
    assert names(store, "some") == ["a"]
    assert names(store, "other") == names(store, "al") == names(store, "all/") == []


def test_documents_of_several_kinds_share_an_index(store, monkeypatch):
    monkeypatch.setitem(indexes._FUNCTIONS, "fact", lambda group, name, body: [("all", name)])
    put(store, "a", "1")
    store.put("fact", "", "2", {})
    store.put("no index", "", "3", {"in": [["all", "3"]]})
    assert [(record.group, record.name) for record in store.page("all", limit=9).records] == [
        ("", "2"),
        ("g", "a"),
    ]


@pytest.mark.parametrize("how", ["put", "expect", "update"])
def test_a_write_moves_a_document(store, how):
    def write(*places: tuple[str, str]) -> None:
        record = store.get("thing", "g", "a")
        if how == "update":
            store.update("thing", "g", "a", lambda body: (thing(*places), None))
        else:
            expect = None if how == "put" else record.version if record else 0
            assert store.put("thing", "g", "a", thing(*places), expect=expect)

    def where() -> dict[str, int]:
        return {index: store.count(index) for index in ("x", "y") if names(store, index)}

    write(("x", "1"))
    assert where() == {"x": 1}
    write(("x", "1"), ("y", "1"))
    assert where() == {"x": 1, "y": 1}
    write(("x", "2"), ("y", "1"))
    assert where() == {"x": 1, "y": 1}
    assert store.page("x", limit=1, since="2").records
    write(("y", "1"))
    assert where() == {"y": 1}
    write()
    assert where() == {}
    write(("x", "1"))
    assert where() == {"x": 1}


def test_a_write_that_expects_another_version_moves_nothing(store):
    put(store, "a", "1", index="x")
    assert not store.put("thing", "g", "a", thing(("y", "1")), expect=0)
    assert not store.put("thing", "g", "a", thing(("y", "1")), expect=2)
    assert not store.put("thing", "g", "b", thing(("y", "2")), expect=1)
    assert (names(store, "x"), names(store, "y")) == (["a"], [])
    assert not store.put("thing", "g", "a", thing(("x", "1")), expect=0)
    assert names(store, "x") == ["a"]
    put(store, "a", "1", index="y")
    assert (names(store, "x"), names(store, "y")) == ([], ["a"])
    assert (store.count("x"), store.count("y")) == (0, 1)


def test_a_deleted_document_is_in_no_index(store):
    put(store, "a", "1", "2")
    put(store, "b", "3")
    store.delete("thing", "g", "a")
    store.delete("thing", "g", "never there")
    assert names(store) == ["b"]
    assert store.count("all") == 1
    put(store, "a", "2")
    assert names(store) == ["b", "a"]


def test_a_document_that_changes_between_two_pages(store):
    for number in range(6):
        put(store, f"n{number}", f"{T2}#{number}")
    first = store.page("all", limit=2)
    assert [record.name for record in first.records] == ["n5", "n4"]
    put(store, "n3", f"{T2}#3", now="other text")  # stays where it is
    put(store, "n2", f"{T1}#2")  # moves behind all others
    put(store, "n5", f"{T1}#0")  # was read, and is read again where it is now
    put(store, "new", f"{T3}#0")  # before the first page, so on none of the next pages
    store.delete("thing", "g", "n1")
    store.delete("thing", "g", "n4")  # the last of the first page
    rest, after = [], first.after
    while after:
        page = store.page("all", limit=2, after=after)
        rest += page.records
        after = page.after
    assert [record.name for record in rest] == ["n3", "n0", "n2", "n5"]
    assert rest[0].body["now"] == "other text"


def test_an_entry_that_the_document_does_not_have_is_skipped(store, monkeypatch):
    """As after a version that places documents elsewhere."""
    for number in range(6):
        put(store, f"n{number}", f"{number}")
    monkeypatch.setitem(
        indexes._FUNCTIONS,
        "thing",
        lambda group, name, body: (
            map(tuple, body["in"]) if name in ("n0", "n5") else [("all", f"{name}-elsewhere")]
        ),
    )
    assert names(store) == ["n5", "n0"]
    assert [len(page.records) for page in pages(store, limit=2)][:2] == [1, 0]


def test_what_no_index_can_hold_does_not_prevent_a_write(store):
    places = [("all", "x" * 1025), ("i" * 2049, "1"), ("all", ""), ("", "1"), ("all", "\ud800"), ("all", "1")]
    assert store.put("thing", "g", "a", thing(*places))
    assert store.get("thing", "g", "a").body == thing(*places)
    assert names(store) == ["a"]
    assert store.put("thing", "g", "a", thing(("i" * 1_900, "é" * 500), *places[:5]))
    assert (names(store), names(store, "i" * 1_900)) == ([], ["a"])


def test_long_documents_are_on_a_page(store):
    compressed = {"text": "again and again, " * 5_000}
    split = {"noise": random.Random(1).randbytes(1_500_000).hex()}
    put(store, "compressed", "1", "2", **compressed)
    put(store, "split", "3", "4", **split)
    put(store, "short", "5")
    for name, position, more in (("compressed", "1", compressed), ("split", "3", split)):
        store.update("thing", "g", name, lambda body, at=position: (body | {"in": [["all", at]]}, None))
        assert store.get("thing", "g", name).body == thing(("all", position), **more)
    assert names(store) == ["short", "split", "compressed"]
    assert store.page("all", limit=3).records[1].body == thing(("all", "3"), **split)
    store.delete("thing", "g", "split")
    assert names(store) == ["short", "compressed"]


# Several writers of one document


def test_of_many_threads_that_move_a_document_the_last_one_counts(store):
    put(store, "a", "1", index="x0")

    def move(number: int) -> None:
        for step in range(4):
            place = (f"x{(number + step) % 3}", "1")
            if number % 2:
                store.put("thing", "g", "a", thing(place))
            else:
                store.update("thing", "g", "a", lambda _, place=place: (thing(place), None))

    at_once(5, move)
    ((index, _),) = store.get("thing", "g", "a").body["in"]
    assert [name for name in ("x0", "x1", "x2") if store.count(name)] == [index]
    assert names(store, index) == ["a"]


def test_threads_that_create_and_delete_a_document(store):
    def work(number: int) -> None:
        for step in range(4):
            if number % 2:
                store.put("thing", "g", "a", thing((f"x{step % 2}", "1")), expect=0)
            else:
                store.delete("thing", "g", "a")

    at_once(4, work)
    record = store.get("thing", "g", "a")
    stored = {index for index, _ in record.body["in"]} if record else set()
    assert {index for index in ("x0", "x1") if names(store, index)} == stored


# count


def test_count_is_bounded(store):
    for number in range(7):
        put(store, f"n{number}", f"{number % 2}-{number}")
    assert store.count("all") == 7
    assert store.count("all", prefix="0-") == 4
    assert store.count("all", prefix="1") == 3
    assert store.count("all", prefix="2") == store.count("none") == 0
    assert store.count("all", most=3) == store.count("all", prefix="0", most=3) == 3


# read_many


def test_many_documents_are_read_at_once(store):
    keys = [("thing", f"g{number % 3}", f"n{number}") for number in range(230)]
    for key in keys[:210]:
        store.put(*key, {"in": [], "n": key[2]})
    store.put("other", "g0", "n0", {"split": random.Random(2).randbytes(1_000_000).hex()})
    assert store.read_many([]) == store.read_many(keys[210:]) == {}
    found = store.read_many([*keys, *keys[:5], ("other", "g0", "n0"), ("other", "", "\U0001f512")])
    assert set(found) == {*keys[:210], ("other", "g0", "n0")}
    assert found[keys[200]] == store.get(*keys[200])
    assert found["other", "g0", "n0"] == store.get("other", "g0", "n0")


# page_of_group


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("kind", ["thing", "no index"])
def test_the_pages_of_a_group(store, kind, newest_first):
    expected = [f"n{number}" for number in range(5)]
    for name in expected:
        store.put(kind, "g", name, {"in": []})
    store.put(kind, "g2", "x", {"in": []})
    store.put(f"{kind}s", "g", "x", {"in": []})
    if newest_first:
        expected.reverse()
    for limit in (1, 2, 5, 9):
        found: list[str] = []
        after, ends = "", False
        while not ends:
            page = store.page_of_group(kind, "g", limit=limit, after=after, newest_first=newest_first)
            assert len(page.records) <= limit
            found += [record.name for record in page.records]
            after, ends = page.after, not page.after
        assert found == expected
    middle = store.page_of_group(kind, "g", limit=9, after="n2x", newest_first=newest_first)
    assert [record.name for record in middle.records] == (expected[2:] if newest_first else ["n3", "n4"])
    assert store.page_of_group(kind, "none", limit=9) == Page(())


# every and reindex


def every(store: Store, kind: str, limit: int) -> list[Record]:
    found: list[Record] = []
    after = ""
    for _ in range(100):
        page = store.every(kind, limit=limit, after=after)
        assert len(page.records) <= limit
        found += page.records
        if not (after := page.after):
            return found
    raise AssertionError("the pages have no end")


def test_every_document_of_a_kind(store):
    for group in ("", "a", "a#b", '"', "\U0001f512"):
        for name in ("1", "2", "#"):
            store.put("thing", group, name, thing(("all", f"{group}/{name}")))
            store.put("things", group, name, {})
    for limit in (1, 4, 1_000):
        found = every(store, "thing", limit)
        assert sorted((record.group, record.name) for record in found) == sorted(
            (group, name) for group in ("", "a", "a#b", '"', "\U0001f512") for name in ("1", "2", "#")
        )
    assert found[0] == store.get("thing", found[0].group, found[0].name)
    assert every(store, "none", 100) == []


def test_documents_without_entries_are_indexed_later(store, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.delitem(indexes._FUNCTIONS, "thing")
        for number in range(30):
            put(store, f"n{number:02}", f"{number:02}", index="late")
    assert names(store, "late") == []
    for _ in range(2):  # a second time changes nothing
        for at in range(0, 30, 10):
            store.reindex("thing", every(store, "thing", 100)[at : at + 10])
    assert names(store, "late", newest_first=False) == [f"n{number:02}" for number in range(30)]
    assert store.count("late") == 30
    put(store, "n00", "99", index="late")
    assert names(store, "late")[0] == "n00"
    assert store.count("late") == 30


def test_a_document_that_was_replaced_before_it_is_indexed(store, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.delitem(indexes._FUNCTIONS, "thing")
        put(store, "a", "1")
        put(store, "b", "2")
    records = every(store, "thing", 100)
    put(store, "a", "3")
    store.delete("thing", "g", "b")
    store.reindex("thing", records)
    assert names(store) == ["a"]
    assert store.page("all", limit=9).records[0].version == 2


# What every page of the console counts


def noticed(store: Store, most: int = 10_000) -> dict[str, list[str]]:
    return {
        index: [place.position for place in places]
        for index, places in store.attention(most=most).of.items()
        if places
    }


def test_the_indexes_of_attention_are_read_together_and_one_by_one(store):
    cases, waiting, dead = indexes.CASES_OPEN, indexes.DELIVERIES_WAITING, indexes.DELIVERIES_DEAD
    assert store.attention() == Places(dict.fromkeys(indexes.ATTENTION, ()))
    for number in range(3):
        put(store, f"c{number}", f"{number}", index=cases)
        put(store, f"w{number}", f"{number}", index=waiting)
    assert noticed(store) == {cases: ["0", "1", "2"], waiting: ["0", "1", "2"]}
    assert store.attention().of[waiting][1] == Place("1", ("thing", "g", "w1"))
    put(store, "w1", "5", index=dead)
    assert noticed(store) == {cases: ["0", "1", "2"], waiting: ["0", "2"], dead: ["5"]}
    for newest_first in (True, False):
        for limit in (1, 2, 3):
            found = names(store, cases, limit=limit, newest_first=newest_first)
            assert found == sorted(("c0", "c1", "c2"), reverse=newest_first)
    assert names(store, waiting, newest_first=False, since="1") == ["w2"]
    assert names(store, waiting, newest_first=False, until="2") == ["w0"]
    assert store.positions(cases, since="1", until="2") == ("1",)
    assert store.positions(cases, newest_first=True, most=2) == ("2", "1")
    assert (store.count(cases), store.count(waiting), store.count(cases, prefix="2")) == (3, 2, 1)
    assert noticed(store, most=4) == {cases: ["0", "1", "2"], waiting: ["0"]}
    assert [store.attention(most=most).complete for most in (5, 6)] == [False, True]
    store.all_are_indexed()
    assert noticed(store) == {cases: ["0", "1", "2"], waiting: ["0", "2"], dead: ["5"]}
