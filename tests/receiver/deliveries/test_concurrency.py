"""A destination that does not answer keeps few workers busy, and the others get their messages."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from receiver.assemble import handlers
from receiver.deliveries.concurrency import ConcurrencyLimit
from receiver.destinations.contract import CaseRef, Delivered, Outcome, Retry
from receiver.messages.message import Message
from shared.local.queue import SqliteQueue
from shared.local.server import Server, Workers
from tests.receiver.conftest import Tool


def test_a_busy_destination_is_asked_again_less_often_the_longer_it_is_busy():
    now = [datetime(2026, 11, 24, tzinfo=UTC)]
    limit = ConcurrencyLimit(2, lambda: now[0])
    assert limit.acquire("a")
    assert limit.acquire("b")
    assert not limit.acquire("c")
    assert limit.retry_after() == 0.05
    now[0] = now[0].replace(second=4)
    assert limit.retry_after() == 4
    now[0] = now[0].replace(second=40)
    assert limit.retry_after() == 10
    limit.release("a")
    assert limit.acquire("c")


def test_a_worker_waits_for_a_place_that_is_about_to_be_free():
    limit = ConcurrencyLimit(1, lambda: datetime.now(UTC))
    entered = []
    assert limit.acquire("a")
    waiting = threading.Thread(target=lambda: entered.append(limit.acquire("b")))
    waiting.start()
    while not limit._somebody_waits:
        threading.Event().wait(0.001)
    assert not limit.acquire("c")  # one at the door is enough
    limit.release("a")
    waiting.join()
    assert entered == [True]


@pytest.mark.timeout(30)
def test_a_hung_destination_and_a_limited_one_do_not_slow_the_third(make_stage):
    released = threading.Event()
    took: list[float] = []

    class Hung(Tool):
        def deliver(self, message: Message, case: CaseRef) -> Outcome:
            released.wait(20)
            return Retry("no answer", ambiguous=True)

    class Limited(Tool):
        def deliver(self, message: Message, case: CaseRef) -> Outcome:
            return Retry("429", after=30)

    class Quick(Tool):
        def deliver(self, message: Message, case: CaseRef) -> Outcome:
            took.append(time.monotonic() - began)
            return Delivered()

    slack = {"type": "slack", "webhook_url": "env:A", "pace": 1_000}
    names = ["hung", "limited", "quick"]
    stage = make_stage(destinations=dict.fromkeys(names, slack), default=names)
    runtime = stage.runtime
    runtime.now = lambda: datetime.now(UTC)
    runtime.deliveries = SqliteQueue(stage.database, "deliveries")
    runtime.events = SqliteQueue(stage.database, "events")
    tools = {"hung": Hung("hung"), "limited": Limited("limited"), "quick": Quick("quick")}
    work = handlers(runtime, stage.enricher, tools)
    server = Server(
        [
            Workers(runtime.events, work.event, 60, threads=2),
            Workers(runtime.deliveries, work.delivery, 60, threads=8),
        ],
        [],
    )
    for number in range(1, 101):
        stage.receive(b'{"message": "%d alarms in project id 3"}' % number)
    began = time.monotonic()
    server.start()
    while len(took) < 100 and time.monotonic() < began + 20:
        time.sleep(0.05)
    released.set()
    server.stop()
    assert len(took) == 100
    assert took[-1] < 10
