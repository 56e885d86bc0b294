"""The server: how it stops, how its workers survive errors, and how it notices threads that hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from shared.local import core, pulse, server
from shared.local.core import Core, Workers
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.server import Server, Timer
from shared.queues.ports import Done, Handler, Item


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
    hanging = Server([Workers(queue, hang, lease=3_600, places=2, in_thread=True)], [])
    hanging.start()
    claimed.wait()
    assert hanging.stop() is False
    (item,) = queue.claim(lease=60)
    go_on.set()
    hanging.stop()  # the worker that hung has ended too late
    assert (item.id, item.claims, queue.done(item)) == ("one", 2, True)


def test_a_worker_survives_whatever_is_raised(queue, monkeypatch, caplog):
    """Even if neither the handler nor the queue should raise it."""
    monkeypatch.setattr(core, "AFTER_A_FAILURE", 0.01)
    faults = [RuntimeError("broken"), MemoryError(), SystemExit(1)]
    done, claim = threading.Event(), queue.claim

    def broken(*limit, **options):
        if faults:
            raise faults.pop()
        return claim(*limit, **options)

    def handle(item: Item) -> Done:
        done.set()
        return Done()

    monkeypatch.setattr(queue, "claim", broken)
    queue.put(b"one")
    serving = Server([Workers(queue, handle, lease=60, places=1, in_thread=True)], [])
    serving.start()
    assert done.wait(10)
    assert serving.stop() is True
    assert caplog.text.count("a round failed, and its items are tried again") == 3


def test_work_that_ends_in_time_is_done(queue):
    claimed, go_on = threading.Event(), threading.Event()

    def slow(item: Item) -> Done:
        claimed.set()
        go_on.wait()
        return Done()

    queue.put(b"one", id="one")
    serving = Server([Workers(queue, slow, lease=3_600, places=2, in_thread=True)], [])
    serving.start()
    claimed.wait()
    threading.Timer(0.1, go_on.set).start()
    assert serving.stop() is True
    assert queue.depth().living == 0


# Signs of life


class Serving:
    """Starts servers. Their handlers may wait for `go_on`."""

    def __init__(self, queue: SqliteQueue) -> None:
        self.queue, self.go_on = queue, threading.Event()
        self.servers: list[Server] = []

    def __call__(self, handler: Handler, timers: Sequence[Timer] = (), lease: float = 60.0) -> Server:
        server = Server([Workers(self.queue, handler, lease=lease, places=1, in_thread=True)], list(timers))
        self.servers.append(server)
        server.start()
        return server


@pytest.fixture
def serving(queue):
    serving = Serving(queue)
    yield serving
    serving.go_on.set()
    for started in serving.servers:
        started.stop()


def eventually(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_threads_that_work_are_no_problem_and_give_signs_of_life(serving):
    rung = threading.Event()
    server = serving(lambda item: Done(), [Timer("clock", rung.set, 0.01)])
    rung.wait()
    assert server.problems() == []
    assert set(server.signs()) == {"core", "clock"}
    assert max(server.signs().values()) < 5


def test_a_thread_that_has_ended_is_a_problem(serving, monkeypatch):
    monkeypatch.setattr(Core, "run", lambda *_: None)
    server = serving(lambda item: Done())
    eventually(lambda: server.problems() == ["the thread core has ended"])


def test_work_that_outlasts_its_lease_is_a_problem_until_it_ends(queue, serving, monkeypatch):
    monkeypatch.setattr(server, "GRACE", 0.5)

    def hang(item: Item) -> Done:
        serving.go_on.wait()
        return Done()

    slow = serving(hang, lease=0.1)
    assert slow.problems() == []
    queue.put(b"one")
    eventually(slow.problems)
    assert slow.problems()[0].startswith("an item of events has been in work for ")
    serving.go_on.set()
    eventually(lambda: not slow.problems())


def test_a_timer_whose_call_does_not_return_is_a_problem(serving, monkeypatch):
    monkeypatch.setattr(pulse, "GRACE", 0.1)
    late = serving(lambda item: Done(), [Timer("follow", lambda: serving.go_on.wait(), 60.0, within=0.1)])
    eventually(lambda: any("follow" in problem for problem in late.problems()))


def test_a_worker_and_a_timer_that_only_fail_are_a_problem_until_they_succeed(queue, serving, monkeypatch):
    monkeypatch.setattr(pulse, "GRACE", 0.1)
    monkeypatch.setattr(core, "AFTER_A_FAILURE", 0.01)
    broken = threading.Event()
    broken.set()
    claim = queue.claim

    def fail(*of, **how):
        if broken.is_set():
            raise TypeError("a fault of ours")
        return claim(*of, **how) if of or how else None

    monkeypatch.setattr(queue, "claim", fail)
    queue.put(b"one")
    failing = serving(lambda item: Done(), [Timer("follow", fail, 0.02, within=0.1)])
    eventually(lambda: len(failing.problems()) == 2)
    for name, problem in zip(("core", "follow"), failing.problems(), strict=True):
        assert problem.startswith(f"the thread {name} has failed for ")
        assert problem.endswith(" s, the last time with TypeError")
    broken.clear()
    eventually(lambda: not failing.problems())
