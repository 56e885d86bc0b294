"""Stopping: what is in hand is finished, or handed back."""

from __future__ import annotations

import threading

import pytest

from shared.local import server
from shared.local.server import Server, Workers
from shared.local.sqlite import Database, SqliteQueue
from shared.queues import Done, Item


@pytest.fixture
def queue(tmp_path):
    database = Database(tmp_path / "huntbridge.db")
    yield SqliteQueue(database, "events")
    database.close()


def test_work_that_hangs_is_handed_back_and_can_be_claimed_at_once(queue, monkeypatch):
    monkeypatch.setattr(server, "STOP_WITHIN", 0.1)
    claimed, go_on = threading.Event(), threading.Event()

    def hang(item: Item) -> Done:
        claimed.set()
        go_on.wait()
        return Done()

    queue.put(b"one", id="one")
    hanging = Server([Workers(queue, hang, lease=3_600, threads=2)], [])
    hanging.start()
    claimed.wait()
    assert hanging.stop() is False
    (item,) = queue.claim(lease=60)
    go_on.set()
    hanging.stop()  # the worker that hung has come to its end, and it was too late
    assert (item.id, item.attempts, queue.done(item)) == ("one", 2, True)


def test_a_worker_survives_whatever_is_raised(queue, monkeypatch, caplog):
    """Also what neither the handler nor the queue should raise."""
    monkeypatch.setattr(server, "AFTER_A_FAILURE", 0.01)
    faults = [RuntimeError("broken"), MemoryError(), OSError(28, "No space left on device")]
    done, claim = threading.Event(), queue.claim

    def broken(*limit, lease):
        if faults:
            raise faults.pop()
        return claim(*limit, lease=lease)

    def handle(item: Item) -> Done:
        done.set()
        return Done()

    monkeypatch.setattr(queue, "claim", broken)
    queue.put(b"one")
    serving = Server([Workers(queue, handle, lease=60, threads=1)], [])
    serving.start()
    assert done.wait(10)
    assert serving.stop() is True
    assert caplog.text.count("a worker of events failed; it goes on") == 3


def test_work_that_ends_in_time_is_done(queue):
    claimed, go_on = threading.Event(), threading.Event()

    def slow(item: Item) -> Done:
        claimed.set()
        go_on.wait()
        return Done()

    queue.put(b"one", id="one")
    serving = Server([Workers(queue, slow, lease=3_600, threads=2)], [])
    serving.start()
    claimed.wait()
    threading.Timer(0.1, go_on.set).start()
    assert serving.stop() is True
    assert queue.depth().living == 0
