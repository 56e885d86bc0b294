"""What becomes of an item by its handler's verdict, and what the log says of it."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.http.deadlines import DeadlineExceeded
from shared.local.queue import SqliteQueue
from shared.queues.ports import Again, Dead, Done, Item
from shared.queues.worker import MAX_SURPRISES, attempt, backoff, settle
from shared.storage.ports import StoreError, TooLarge

ITEM = Item("item-1", b"{}", 1, datetime(2026, 11, 24, 3, 0, tzinfo=UTC), "receipt")


class Queue(SqliteQueue):
    """Remembers what it is told. `held`: whether it holds the lease of the item."""

    def __init__(self, *, held: bool = True) -> None:
        self.name, self.held = "events", held
        self.told: list[object] = []

    def done(self, item):
        self.told.append("done")
        return self.held

    def retry(self, item, *, delay, surprise=False):
        self.told.append(("retry", delay, surprise))
        return self.held

    def dead(self, item, *, reason):
        self.told.append(("dead", reason))
        return self.held


def raising(error):
    def handle(item):
        raise error

    return handle


@pytest.fixture
def no_jitter(monkeypatch):
    monkeypatch.setattr(random, "uniform", lambda low, high: high)


@pytest.mark.parametrize(
    ("error", "claims", "verdict"),
    [
        (StoreError("the store is down"), 3, Again(4.0, "the store is down")),
        (DeadlineExceeded(), 1, Again(1.0, "the time for one attempt was used up")),
        (TooLarge("an item of 2 MiB"), 1, Dead("an item of 2 MiB")),
        (ZeroDivisionError(), 7, Again(1.0, "unexpected ZeroDivisionError", surprise=True)),
    ],
)
def test_what_an_error_means_for_the_item(no_jitter, error, claims, verdict):
    assert attempt(raising(error), replace(ITEM, claims=claims)) == verdict


def test_the_last_surprise_ends_an_item_and_claims_alone_do_not():
    tried_often = replace(ITEM, claims=1_000, surprises=MAX_SURPRISES - 2)
    assert isinstance(attempt(raising(KeyError("x")), tried_often), Again)
    last = replace(ITEM, surprises=MAX_SURPRISES - 1)
    assert attempt(raising(KeyError("x")), last) == Dead("unexpected KeyError")


def test_the_queue_is_told_and_the_log_has_keys(caplog):
    queue = Queue()
    for verdict in (
        Done(),
        Again(2.04, "it is busy"),
        Again(1, "its turn", expected=True),
        Dead("no_service"),
    ):
        settle(queue, ITEM, verdict)
    assert queue.told == ["done", ("retry", 2.04, False), ("retry", 1, False), ("dead", "no_service")]
    lines = [line.partition(" item")[2] for line in caplog.text.splitlines()]
    assert lines == [
        ' tried again later item=item-1 queue=events seconds=2.0 reason="it is busy"',
        " is dead item=item-1 queue=events reason=no_service",
    ]


def test_a_lease_that_had_run_out_is_a_warning(caplog):
    settle(Queue(held=False), ITEM, Done())
    assert "the lease of an item had run out, so it may be worked twice item=item-1" in caplog.text


def test_pauses_double_up_to_the_cap(no_jitter):
    assert [backoff(attempts) for attempts in (1, 2, 3, 9, 10, 10_000)] == [1, 2, 4, 256, 300, 300]
    assert backoff(10_000, base=0.5, cap=10.0) == 10
