"""The inbox: records in segment files, torn at every byte, imported once, and deleted when that is synced."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from shared.local import inbox as inboxes
from shared.local import inbox_reader
from shared.local.database import Database
from shared.local.inbox import Inbox, Record, encode, segments
from shared.local.inbox_import import InboxImport
from shared.local.inbox_reader import InboxReader
from shared.local.queue import SqliteQueue
from shared.queues.ports import QueueError

A, B, C = (
    Record(f"id-{name}", 1_790_000_000.25, f"body {name} é".encode() * 9, name == "b") for name in "abc"
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "inbox"


@pytest.fixture
def inbox(folder):
    made = Inbox(folder)
    yield made
    made.close()


@pytest.fixture
def queue(database):
    return SqliteQueue(database, "events")


def reader_of(queue: SqliteQueue, folder: Path) -> InboxReader:
    return InboxReader(folder, queue.database.read, queue.add)


def bring_in(queue: SqliteQueue, folder: Path) -> None:
    InboxImport(queue, folder).bring_in()


def ids(queue: SqliteQueue) -> list[str]:
    return sorted(id for (id,) in queue.database.read("SELECT id FROM items", ()))


def test_what_is_appended_becomes_items_with_their_body_time_and_urgency(inbox, folder, queue):
    inbox.append([A, B])
    inbox.append([C])
    bring_in(queue, folder)
    (urgent,) = queue.claim(lease=60)
    others = queue.claim(10, lease=60)
    assert (urgent.id, urgent.body) == (B.id, B.body)
    assert {item.id: item.body for item in others} == {A.id: A.body, C.id: C.body}
    assert {item.added_at.timestamp() for item in [urgent, *others]} == {A.at}


def test_a_record_is_imported_once_also_by_the_next_process(inbox, folder, queue):
    inbox.append([A])
    bring_in(queue, folder)
    (item,) = queue.claim(lease=60)
    queue.done(item)
    inbox.append([B])
    bring_in(queue, folder)
    bring_in(queue, folder)
    assert ids(queue) == [B.id]


@pytest.mark.parametrize("length", range(len(encode(A)), len(encode(A) + encode(B))))
def test_of_a_segment_that_is_torn_at_any_byte_all_whole_records_are_imported(folder, length):
    folder.mkdir()
    (folder / "000000000001-aa.segment").write_bytes((encode(A) + encode(B))[:length])
    queue = SqliteQueue(Database(None), "events")
    bring_in(queue, folder)
    assert (ids(queue), segments(folder)) == ([A.id], [])
    queue.database.close()


@pytest.mark.parametrize("at", range(len(encode(B))))
def test_a_damaged_byte_costs_its_own_record_alone(folder, at, caplog):
    damaged = bytearray(encode(B))
    damaged[at] ^= 0x40
    folder.mkdir()
    (folder / "000000000001-aa.segment").write_bytes(encode(A) + damaged + encode(C))
    queue = SqliteQueue(Database(None), "events")
    bring_in(queue, folder)
    assert ids(queue) == [A.id, C.id]
    assert "a part of the inbox is no record" in caplog.text
    queue.database.close()


def test_the_end_of_a_segment_that_is_being_written_is_left_until_it_is_whole(inbox, folder, queue):
    inbox.append([A])
    (segment,) = segments(folder)
    whole = encode(B)
    with segment.open("ab") as file:
        file.write(whole[:20])
        file.flush()
        bring_in(queue, folder)
        assert ids(queue) == [A.id]
        file.write(whole[20:])
    bring_in(queue, folder)
    assert ids(queue) == [A.id, B.id]


def test_a_complete_segment_is_deleted_after_a_synced_commit_and_not_before(inbox, folder, queue):
    inbox.append([A])
    inbox.close()
    reader = reader_of(queue, folder)
    batch = reader.read()
    assert batch.durable
    queue.database.write(lambda db: reader.store(db, batch), durable=batch.durable)
    assert len(segments(folder)) == 1  # a kill at this place
    reader = reader_of(queue, folder)
    again = reader.read()
    assert (again.records, again.durable) == ([], True)
    queue.database.write(lambda db: reader.store(db, again), durable=again.durable)
    reader.stored(again)
    assert segments(folder) == []
    bring_in(queue, folder)
    assert queue.database.read("SELECT * FROM documents WHERE kind='inbox'", ()) == []


def test_what_could_not_be_committed_is_imported_the_next_time(inbox, folder, queue, monkeypatch, caplog):
    inbox.append([A])
    inbox.close()
    importer = InboxImport(queue, folder)
    with monkeypatch.context() as patched:
        patched.setattr(inbox_reader, "_SAVE", "no SQL")
        importer.bring_in()
    assert (ids(queue), len(segments(folder))) == ([], 1)
    assert "the inbox cannot be imported" in caplog.text
    importer.bring_in()
    assert (ids(queue), segments(folder)) == ([A.id], [])


def test_looks_that_are_asked_for_one_after_the_other_share_a_transaction(inbox, folder, queue):
    looks: list[float] = []
    importer = InboxImport(queue, folder, lambda: looks.append(time.monotonic()))
    began = time.monotonic()
    threading.Thread(target=importer.run, daemon=True).start()
    for number in range(100):
        inbox.append([Record(f"id-{number}", A.at, A.body, False)])
        importer.wake()
    while len(ids(queue)) < 100:
        assert time.monotonic() < began + 20
        time.sleep(0.001)
    assert len(looks) <= (time.monotonic() - began) / 0.006 + 2


@pytest.mark.parametrize("failing", ["write", "fdatasync", "half"])
def test_after_a_failure_nothing_counts_as_stored_and_the_segment_is_never_written_again(
    inbox, folder, queue, monkeypatch, failing
):
    inbox.append([A])
    (first,) = segments(folder)
    real = os.write

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        if failing == "half":
            patched.setattr(os, "write", lambda file, data: real(file, data[: len(data) // 2]))
        else:
            patched.setattr(os, failing, fail)
        with pytest.raises(QueueError, match="the inbox cannot be written: "):
            inbox.append([B])
    before = first.read_bytes()
    inbox.append([C])
    assert first.read_bytes() == before == encode(A)
    assert len(segments(folder)) == 2
    bring_in(queue, folder)
    assert ids(queue) == [A.id, C.id]


def test_a_segment_ends_at_its_size_and_when_nothing_comes(inbox, folder, monkeypatch):
    monkeypatch.setattr(inboxes, "SEGMENT", 100)
    inbox.append([A])
    assert not inbox.close_if_idle()
    inbox.append([B])
    assert len(segments(folder)) == 2
    monkeypatch.setattr(inboxes, "SEGMENT", 10_000)
    inbox.append([C])
    monkeypatch.setattr(inboxes, "IDLE", 0.0)
    assert inbox.close_if_idle()
    assert not inbox.close_if_idle()


def test_the_inbox_is_bounded_and_opens_again_when_the_import_has_caught_up(folder, queue, monkeypatch):
    monkeypatch.setattr(inboxes, "SEGMENT", 1024 * 1024)
    inbox = Inbox(folder, most=2 * 1024 * 1024)
    number = 0
    while not inbox.full():
        inbox.append([Record(f"id-{number}", 1.0, b"x" * 300_000)])
        number += 1
        assert number < 100
    assert inbox.full() == (
        "The database has not taken the last 2 MB that were accepted; send it again later."
    )
    bring_in(queue, folder)
    assert inbox.full() == ""
    assert len(ids(queue)) == number
    inbox.close()


def test_large_segments_are_imported_in_parts(inbox, folder, queue, monkeypatch):
    monkeypatch.setattr(inbox_reader, "MOST_AT_ONCE", 1_000)
    records = [Record(f"id-{number:02d}", 1.0, bytes(300 * number)) for number in range(20)]
    inbox.append(records)
    reader = reader_of(queue, folder)
    assert reader.read().more
    bring_in(queue, folder)
    assert ids(queue) == [record.id for record in records]


def test_reading_beside_the_writer_loses_nothing(inbox, folder, queue, monkeypatch):
    monkeypatch.setattr(inboxes, "SEGMENT", 2_000)
    importer, ended = InboxImport(queue, folder), threading.Event()

    def read() -> None:
        while not ended.is_set():
            importer.bring_in()

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(300):
        inbox.append([Record(f"id-{number:03d}", 1.0, bytes(number))])
    ended.set()
    thread.join()
    inbox.close()
    importer.bring_in()
    assert (ids(queue), segments(folder)) == ([f"id-{number:03d}" for number in range(300)], [])
