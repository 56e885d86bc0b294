"""A destination that does not answer keeps the places of its lane, and the others get their messages."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import pytest

from receiver.assemble import handlers
from receiver.destinations.contract import CaseRef, Delivered, Outcome, Retry
from receiver.messages.message import Message
from shared.local.core import Core, Workers
from shared.local.queue import SqliteQueue
from shared.local.server import Server
from tests.receiver.conftest import Tool


@pytest.mark.timeout(30)
def test_a_hung_destination_and_a_limited_one_do_not_slow_the_third(make_stage):
    released = threading.Event()
    took: list[float] = []

    class Hung(Tool):
        def deliver(self, message: Message, case: CaseRef) -> Outcome:
            core.outside(lambda: released.wait(20))
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
    core = Core()
    tools = {"hung": Hung("hung"), "limited": Limited("limited"), "quick": Quick("quick")}
    work = handlers(runtime, stage.enricher, tools)
    server = Server(
        [
            Workers(runtime.events, work.event, 60, places=2),
            Workers(runtime.deliveries, work.delivery, 60, places=2),
        ],
        [],
        core,
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
