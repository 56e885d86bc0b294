"""What every store promises."""

from __future__ import annotations

import random
import threading

from shared.storage.ports import Record


def test_a_document_is_read_as_it_was_written(side):
    body = {"text": "naïve \u202e \U0001f512 'quoted' \"twice\"", "list": [1, None, True, {"a": 1.5}]}
    assert side.store.get("hunt", "weekly", "a") is None
    assert side.store.put("hunt", "weekly", "a", body)
    assert side.store.get("hunt", "weekly", "a") == Record("weekly", "a", 1, body)


def test_each_write_is_one_version_more(side):
    for version in (1, 2, 3):
        assert side.store.put("hunt", "g", "a", {"n": version})
        assert side.store.get("hunt", "g", "a") == Record("g", "a", version, {"n": version})


def test_a_write_that_expects_another_version_changes_nothing(side):
    assert side.store.put("hunt", "g", "a", {"n": 1}, expect=0)
    assert not side.store.put("hunt", "g", "a", {"n": 2}, expect=0)
    assert side.store.put("hunt", "g", "a", {"n": 3}, expect=1)
    assert not side.store.put("hunt", "g", "a", {"n": 4}, expect=1)
    assert not side.store.put("hunt", "g", "b", {"n": 5}, expect=1)
    assert side.store.get("hunt", "g", "a") == Record("g", "a", 2, {"n": 3})
    assert side.store.get("hunt", "g", "b") is None


def test_a_long_document(side):
    body = {"alarms": [f"{number:x} \u202e" for number in range(20_000)]}
    assert side.store.put("event", "g", "a", body)
    assert [record.body for record in side.store.scan("event", "g")] == [body]
    assert side.store.put("event", "g", "a", {"now": "short"})
    assert side.store.get("event", "g", "a") == Record("g", "a", 2, {"now": "short"})


def test_a_document_of_some_megabytes(side):
    body = {"alarms": [random.Random(number).randbytes(500).hex() for number in range(3_000)]}
    assert side.store.put("event", "g", "large", body, expect=0)
    assert side.store.put("event", "g", "small", {})
    assert side.store.get("event", "g", "large") == Record("g", "large", 1, body)
    assert [record.body for record in side.store.scan("event", "g")] == [body, {}]
    assert not side.store.put("event", "g", "large", {}, expect=3)
    assert side.store.put("event", "g", "large", {"alarms": []}, expect=1)
    assert side.store.get("event", "g", "large") == Record("g", "large", 2, {"alarms": []})
    side.store.put("event", "g", "large", body)
    side.store.delete("event", "g", "large")
    assert side.store.get("event", "g", "large") is None


def test_every_one_of_many_writes_counts(side):
    start = threading.Barrier(4)

    def write() -> None:
        start.wait()
        for number in range(3):
            side.store.put("case", "c", "slack", {"n": number})

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert side.store.get("case", "c", "slack").version == 12


def test_a_scan_gives_one_group_of_one_kind_by_name(side):
    for kind, group, name in [("a", "g", "2"), ("a", "g", "1"), ("a", "h", "3"), ("b", "g", "4")]:
        side.store.put(kind, group, name, {"at": f"{kind}{group}{name}"})
    assert [record.body for record in side.store.scan("a", "g")] == [{"at": "ag1"}, {"at": "ag2"}]
    assert list(side.store.scan("c", "g")) == []


def test_what_was_deleted_is_gone_and_may_be_made_again(side):
    side.store.put("hunt", "", "a", {"n": 1})
    side.store.delete("hunt", "", "a")
    side.store.delete("hunt", "", "never there")
    assert side.store.get("hunt", "", "a") is None
    assert side.store.put("hunt", "", "a", {"n": 2}, expect=0)


def test_of_many_that_create_one_document_one_wins(side):
    won = []
    start = threading.Barrier(8)

    def create(number: int) -> None:
        start.wait()
        if side.store.put("case", "c", "slack", {"by": number}, expect=0):
            won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    record = side.store.get("case", "c", "slack")
    assert record is not None
    assert record.body == {"by": won[0]}


def test_groups_are_found_by_how_they_begin(side):
    groups = ["e1", "e1-2", "e10", "e2", "e_", "e%", "\U0001f512"]
    for kind, group in [*(("event", group) for group in groups), ("events", "e1x"), ("case", "e1y")]:
        for name in ("a", "b"):
            side.store.put(kind, group, name, {})
    assert side.store.groups("event", "e1", 10) == ["e1", "e1-2", "e10"]
    assert side.store.groups("event", "e_", 10) == ["e_"]
    assert side.store.groups("event", "e%", 10) == ["e%"]
    assert side.store.groups("event", "", 10) == sorted(groups)
    assert side.store.groups("event", "f", 10) == []
    assert len(side.store.groups("event", "", 2)) == 2
