"""The core: items share its thread, calls wait for the commit, and a failed commit leaves no trace."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from shared import log_context
from shared.http.deadlines import remaining
from shared.local import core as core_module
from shared.local.core import Core, Workers
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.server import Server
from shared.local.store import SqliteStore
from shared.queues.ports import Again, Dead, Done, Handler, Item, Verdict
from shared.storage.ports import StoreError

WITHIN = 20.0  # seconds; a test fails after them, and waits no longer than it has to


class Machine:
    """A core with one queue, and the database that both use."""

    def __init__(self, path: Any) -> None:
        self.path = path
        self.database = Database(path)
        self.store, self.queue = SqliteStore(self.database), SqliteQueue(self.database, "events")
        self.core = Core()
        self.server: Server | None = None

    def start(
        self,
        handler: Handler,
        *,
        places: int = 8,
        places_of: Mapping[str, int] | None = None,
    ) -> None:
        workers = Workers(self.queue, handler, 60.0, places, places_of or {})
        self.server = Server([workers], [], self.core)
        self.server.start()

    def stop(self) -> None:
        if self.server:
            assert self.server.stop()
        self.database.close()

    def committed(self, name: str) -> bool:
        """Whether another process sees the document."""
        other = sqlite3.connect(self.path)
        try:
            return bool(other.execute("SELECT 1 FROM documents WHERE name=?", (name,)).fetchall())
        finally:
            other.close()

    def write(self, name: str) -> None:
        self.store.put("a", "g", name, {"x": 1})


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(core_module, "AFTER_A_FAILURE", 0.01)
    machine = Machine(tmp_path / "huntbridge.db")
    yield machine
    machine.stop()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Calls to peers


def test_items_wait_for_their_peers_at_the_same_time_in_one_thread(machine):
    together = threading.Barrier(3)
    threads: list[int] = []

    def handle(item: Item) -> Verdict:
        threads.append(threading.get_ident())
        assert machine.core.outside(lambda: together.wait(WITHIN)) in (0, 1, 2)
        threads.append(threading.get_ident())
        return Done()

    for number in range(3):
        machine.queue.put(b"x", id=f"{number}")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)
    assert (len(threads), len(set(threads))) == (6, 1)


def test_a_call_begins_when_everything_before_it_is_committed(machine):
    seen: list[tuple[bool, bool]] = []

    def handle(item: Item) -> Verdict:
        machine.write(item.id)
        before = machine.committed(item.id)
        seen.append((before, machine.core.outside(lambda: machine.committed(item.id))))
        return Done()

    machine.queue.put(b"x", id="one")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)
    assert seen == [(False, True)]


def test_the_outcome_of_a_call_is_committed_before_another_item_begins(machine):
    stored: list[bool] = []

    def handle(item: Item) -> Verdict:
        if item.id == "second":
            stored.append(machine.committed("outcome"))
            return Done()
        machine.core.outside(lambda: None)
        machine.write("outcome")
        machine.queue.put(b"x", id="second")
        return Done()

    machine.queue.put(b"x", id="first")
    machine.start(handle)
    eventually(lambda: stored == [True])


def test_a_call_begins_after_a_synced_commit_and_outcomes_are_committed_without_one(machine):
    seen: list[str] = []
    level = ""

    def trace(sql: str) -> None:
        nonlocal level
        level = sql.removeprefix("PRAGMA synchronous=") if "synchronous" in sql else level
        if sql == "COMMIT" and (not seen or seen[-1] != level):
            seen.append(level)

    def handle(item: Item) -> Verdict:
        for each in ("first call", "second call"):
            machine.core.outside(lambda each=each: seen.append(each))
            machine.write(each)
        return Done()

    machine.database._writer.set_trace_callback(trace)
    machine.queue.put(b"x")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)
    assert seen[:6] == ["FULL", "first call", "NORMAL", "FULL", "second call", "NORMAL"]
    eventually(lambda: seen[6:] == ["FULL"])  # without another item


def test_an_item_sees_what_it_and_others_wrote_in_the_same_round(machine):
    found: list[bool] = []

    def handle(item: Item) -> Verdict:
        found.append(machine.store.get("a", "g", "first") is not None)
        machine.write("first")
        assert machine.store.get("a", "g", "first")
        return Done()

    for number in range(2):
        machine.queue.put(b"x", id=f"{number}")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)
    assert found == [False, True]


def test_what_a_call_raises_is_raised_in_its_handler(machine):
    failures: list[str] = []

    def fail() -> None:
        raise ValueError("no such peer")

    def handle(item: Item) -> Verdict:
        try:
            machine.core.outside(fail)
        except ValueError as error:
            failures.append(str(error))
        return Done()

    machine.queue.put(b"x")
    machine.start(handle)
    eventually(lambda: failures == ["no such peer"])


def test_keys_of_the_log_and_the_deadline_follow_a_call_and_not_other_items(machine):
    seen: dict[str, tuple[Any, Any, float]] = {}

    def handle(item: Item) -> Verdict:
        before = dict(log_context.current())
        log_context.add(event=item.id)
        inside, left = machine.core.outside(lambda: (dict(log_context.current()), remaining(1_000)))
        seen[item.id] = before, inside, left
        return Done()

    for id in ("one", "two"):
        machine.queue.put(b"x", id=id)
    machine.start(handle)
    eventually(lambda: len(seen) == 2)
    for id, (before, inside, left) in seen.items():
        assert (before, inside) == ({}, {"event": id})
        assert left < 60


def test_a_call_that_is_made_outside_already_is_made_at_once(machine):
    results: list[int] = []

    def handle(item: Item) -> Verdict:
        results.append(machine.core.outside(lambda: machine.core.outside(lambda: 7)))
        return Done()

    machine.queue.put(b"x")
    machine.start(handle)
    eventually(lambda: results == [7])


def test_an_event_is_waited_for_no_longer_than_asked(machine):
    answers: list[bool] = []

    def handle(item: Item) -> Verdict:
        never, at_once = machine.core.event(), machine.core.event()
        threading.Timer(0.01, at_once.set).start()
        answers.extend([at_once.wait(WITHIN), at_once.wait(0), never.wait(0.01)])
        return Done()

    machine.queue.put(b"x")
    machine.start(handle)
    eventually(lambda: answers == [True, True, False])


# Failures


class Broken:
    """The connection that writes, whose next commit fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection, self.fails, self.failed = connection, False, threading.Event()

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement == "COMMIT" and self.fails:
            self.fails = False
            self.failed.set()
            raise sqlite3.OperationalError("database or disk is full")
        return self.connection.execute(statement, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


@pytest.fixture
def broken(machine):
    connection = Broken(machine.database._writer)
    machine.database._writer = connection
    return connection


def test_a_round_that_is_not_committed_ends_its_handlers_as_a_kill_does(machine, broken):
    begun: list[str] = []
    sent: list[str] = []
    ended: list[str] = []

    def handle(item: Item) -> Verdict:
        begun.append(item.id)
        if len(begun) == 1:
            broken.fails = True
        machine.write(item.id)
        try:
            machine.core.outside(lambda: sent.append(item.id))
        except Exception:
            ended.append("an error that a handler could take for one of its peer")
            raise
        ended.append("sent")
        return Done()

    machine.queue.put(b"x", id="one")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)
    assert broken.failed.is_set()
    assert (begun, sent, ended) == (["one", "one"], ["one"], ["sent"])


def test_an_outcome_that_is_not_committed_has_its_item_tried_again(machine, broken):
    """The message was sent, so the next attempt finds what was committed before: that it was begun."""
    found: list[bool] = []

    def handle(item: Item) -> Verdict:
        found.append(machine.store.get("a", "g", "sending") is not None)
        machine.write("sending")
        machine.core.outside(lambda: None)
        machine.write("sent")
        broken.fails = len(found) == 1
        return Done()

    machine.queue.put(b"x", id="one")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)
    assert found == [False, True]
    assert machine.committed("sent")


def test_an_item_whose_lease_ran_out_is_in_work_only_once(machine):
    """As after a machine was suspended: both attempts would decide about the same event."""
    passed = [0.0]  # seconds for which the machine was suspended
    machine.queue._now = lambda: time.time() + passed[0]
    released, answered = threading.Event(), threading.Event()
    ended: list[int] = []
    until: list[float] = []

    def call() -> None:
        released.wait(WITHIN)
        answered.set()

    def handle(item: Item) -> Verdict:
        until.append(machine.core.current.until)
        if item.id == "slow" and item.claims == 1:
            machine.core.outside(call)
        ended.append(item.claims)
        return Done()

    machine.queue.put(b"x", id="slow")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().leased == 1)
    passed[0] = 120.0
    eventually(lambda: machine.queue.depth().living == 0)
    released.set()
    assert answered.wait(WITHIN)
    machine.queue.put(b"x", id="last")
    eventually(lambda: machine.queue.depth().living == 0)
    assert ended == [2, 1]
    assert until[0] == until[1] < until[2]  # an item that hangs at every attempt counts as late


def test_a_failed_round_leaves_alone_the_items_that_took_no_part(machine, broken):
    released = threading.Event()
    ended: list[str] = []

    def handle(item: Item) -> Verdict:
        if item.id == "waits":
            machine.core.outside(lambda: released.wait(WITHIN))
        elif not ended:
            broken.fails = True
        ended.append(f"{item.id} {item.claims}")
        return Done()

    machine.queue.put(b"x", id="waits")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().leased == 1)
    machine.queue.put(b"x", id="fails")
    eventually(lambda: len(ended) == 2)
    released.set()
    eventually(lambda: machine.queue.depth().living == 0)
    assert ended == ["fails 1", "fails 1", "waits 1"]


def test_a_change_that_fails_half_way_undoes_itself_and_no_other_item_for_long(machine):
    done: list[str] = []

    def half(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO items (queue, id, body, added, due) VALUES ('q', 'half', '', 0, 0)")
        raise ValueError("a fault of ours")

    def handle(item: Item) -> Verdict:
        machine.write(f"of {item.id}")
        if item.id == "bad":
            try:
                machine.database.write(half)
            except ValueError:
                return Dead("it cannot be written")
        done.append(item.id)
        return Done()

    for id in ("bad", "good"):
        machine.queue.put(b"x", id=id)
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)
    assert [dead.id for dead in machine.queue.dead_items()] == ["bad"]
    assert set(done) == {"good"}
    assert machine.committed("of bad")
    assert SqliteQueue(machine.database, "q").depth().living == 0


@pytest.mark.parametrize("error", [RuntimeError("broken"), SystemExit(1), MemoryError()])
def test_the_core_survives_whatever_a_handler_raises(machine, error):
    def handle(item: Item) -> Verdict:
        if item.id == "bad" and item.claims == 1:
            raise error
        return Done()

    machine.queue.put(b"x", id="bad")
    machine.queue.put(b"x", id="good")
    machine.start(handle)
    eventually(lambda: machine.queue.depth().living == 0)


def test_writes_of_other_threads_join_a_round_and_fail_alone(machine):
    in_round, go_on = threading.Event(), threading.Event()
    refused: list[str] = []

    def handle(item: Item) -> Verdict:
        in_round.set()
        assert go_on.wait(WITHIN)  # blocks the core within its transaction, as no handler may
        return Done()

    def fail() -> None:
        with suppress(StoreError):
            machine.store._write(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))
            return
        refused.append("refused")

    machine.queue.put(b"x")
    machine.start(handle)
    assert in_round.wait(WITHIN)
    threads = [threading.Thread(target=fail), threading.Thread(target=machine.write, args=("theirs",))]
    for thread in threads:
        thread.start()
    eventually(lambda: len(machine.database._pending) == 2)
    go_on.set()
    for thread in threads:
        thread.join(WITHIN)
    assert refused == ["refused"]
    assert machine.committed("theirs")


# Wake-ups


def test_the_core_wakes_for_a_put_and_for_the_time_of_a_retry(machine, monkeypatch):
    """It looks by itself only once, so nothing but a notice and the due time can wake it."""
    monkeypatch.setattr(core_module, "_LOOK", 3_600.0)
    claims: list[int] = []

    def handle(item: Item) -> Verdict:
        claims.append(item.claims)
        return Again(0.01, "once more") if item.claims < 3 else Done()

    machine.start(handle)
    eventually(lambda: machine.core._looked_at > 0)
    machine.queue.put(b"x")
    eventually(lambda: claims == [1, 2, 3])


def test_a_put_of_what_is_due_later_begins_no_round(machine, monkeypatch):
    monkeypatch.setattr(core_module, "_LOOK", 60.0)
    statements: list[str] = []
    machine.start(lambda item: Done())
    eventually(lambda: machine.core._looked_at > 0)
    machine.database._writer.set_trace_callback(statements.append)
    machine.queue.put(b"x", delay=60)
    time.sleep(0.1)
    machine.database._writer.set_trace_callback(None)
    assert [sql for sql in statements if sql.startswith("BEGIN")] == ["BEGIN IMMEDIATE"]  # of the put


def test_an_item_of_another_process_is_found_by_looking(machine, monkeypatch):
    monkeypatch.setattr(core_module, "_LOOK", 0.01)
    done = threading.Event()

    def handle(item: Item) -> Verdict:
        done.set()
        return Done()

    machine.start(handle)
    other = Database(machine.path)
    SqliteQueue(other, "events").put(b"x", lane="anywhere")
    other.close()
    assert done.wait(WITHIN)


# Lanes


def test_a_lane_that_hangs_stops_no_other_and_has_no_more_in_work_than_its_places(machine):
    released = threading.Event()
    begun: list[str] = []
    done: list[str] = []

    def handle(item: Item) -> Verdict:
        begun.append(item.id)
        if item.id.startswith("hung"):
            machine.core.outside(lambda: released.wait(WITHIN))
        done.append(item.id)
        return Done()

    for number in range(5):
        machine.queue.put(b"x", id=f"hung {number}", lane="hung")
        machine.queue.put(b"x", id=f"quick {number}", lane="quick")
    machine.start(handle, places=1, places_of={"hung": 2})
    eventually(lambda: len(done) == 5)
    assert sum(id.startswith("hung") for id in begun) == 2
    eventually(lambda: machine.queue.depth().ready == 3)  # an item that waits for a place is not claimed
    released.set()
    eventually(lambda: machine.queue.depth().living == 0)


def test_urgent_items_go_first_and_the_oldest_waits_for_some_of_them_only(machine):
    done: list[str] = []

    def handle(item: Item) -> Verdict:
        done.append(item.id)
        return Done()

    machine.queue.put(b"x", id="first")
    for number in range(20):
        machine.queue.put(b"x", id=f"urgent {number}", urgent=True)
    machine.start(handle, places=1)
    eventually(lambda: len(done) == 21)
    assert done[0] == "urgent 0"
    assert 0 < done.index("first") < 8


def test_a_stop_claims_nothing_new_and_waits_for_what_is_in_work(machine):
    in_work, released = threading.Event(), threading.Event()
    done: list[str] = []

    def handle(item: Item) -> Verdict:
        in_work.set()
        machine.core.outside(lambda: released.wait(WITHIN))
        done.append(item.id)
        return Done()

    for id in ("one", "two"):
        machine.queue.put(b"x", id=id)
    machine.start(handle, places=1)
    assert in_work.wait(WITHIN)
    threading.Timer(0.05, released.set).start()
    assert machine.server.stop()
    assert done == ["one"]
    assert machine.queue.depth().ready == 1
