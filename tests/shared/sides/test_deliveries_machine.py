"""Any order of claim, crash, expiry, retry and record: nothing is lost, and what arrives twice says so.

Several workers do what a delivery does, one step at a time, and any of them may stop for ever, or for longer
than its lease, between any two steps. The tool at the other end counts what arrives.
"""

from __future__ import annotations

import tempfile
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moto.sqs import models as moto_sqs

from shared.aws.dynamodb import DynamoStore, table_definition
from shared.aws.sqs import SqsQueue
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.deliveries import Delivery, DeliveryState
from shared.queues.ports import Item
from shared.storage import indexes
from shared.storage.ledger.ledger import Ledger
from tests.moto_server import WITHOUT_SOURCE

pytestmark = pytest.mark.slow

LEASE = 60
# What a tool may do with a message: take it and say so; take it and say nothing; not take it, for now or for
# good; say nothing and not have taken it.
ENDS = ("delivered", "lost answer", "503", "rejected", "never came")
ARRIVES = ("delivered", "lost answer")


@dataclass
class Hold:
    """One worker, and how far it is with its item."""

    item: Item
    step: str = "claimed"
    sending: Delivery | None = None
    end: str = ""


class Deliveries(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_790_000_000.0
        self.queue, store = self.make()
        self.ledger = Ledger(store, lambda: datetime.fromtimestamp(self.now, UTC))
        self.put_ids: list[str] = []
        self.holds: list[Hold] = []
        self.arrived: list[tuple[str, bool]] = []  # id, and whether it said that it may be a repeat

    def make(self):
        raise NotImplementedError

    def delivery(self, hold: Hold) -> Delivery:
        return self.ledger.deliveries.get(hold.item.id, "soc")

    def pick(self, data, *steps: str) -> Hold:
        hold: Hold = data.draw(st.sampled_from([hold for hold in self.holds if hold.step in steps]))
        return hold

    def has(self, *steps: str) -> bool:
        return any(hold.step in steps for hold in self.holds)

    # What workers do

    @rule(again=st.booleans())
    def put(self, again):
        """Also once more what was put before: a fan-out that crashed is repeated."""
        id = self.put_ids[0] if again and self.put_ids else f"event-{len(self.put_ids)}"
        self.queue.put(b"alarm", id=id)
        if id not in self.put_ids:
            self.put_ids.append(id)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit):
        self.holds += [Hold(item) for item in self.queue.claim(limit, lease=LEASE)]

    @precondition(lambda self: self.has("claimed"))
    @rule(data=st.data())
    def begin(self, data):
        self._begin(self.pick(data, "claimed"))

    def _begin(self, hold):
        before = self.delivery(hold)
        if before.state == "delivered":
            self.queue.done(hold.item)
            self.holds.remove(hold)
            return
        hold.sending = self.ledger.deliveries.start(
            before,
            state=DeliveryState.SENDING,
            attempts=before.attempts + 1,
            in_doubt=before.in_doubt or before.state is DeliveryState.SENDING,
        )
        hold.step = "sending"
        if hold.sending is None:
            self.queue.retry(hold.item, delay=1)
            self.holds.remove(hold)

    @precondition(lambda self: self.has("sending"))
    @rule(data=st.data(), end=st.sampled_from(ENDS))
    def send(self, data, end):
        self._send(self.pick(data, "sending"), end)

    def _send(self, hold, end):
        hold.step, hold.end = "sent", end
        if end in ARRIVES:
            self.arrived.append((hold.item.id, hold.sending.in_doubt))

    @precondition(lambda self: self.has("sent"))
    @rule(data=st.data())
    def record(self, data):
        self._record(self.pick(data, "sent"))

    def _record(self, hold):
        hold.step = "recorded"
        doubt = hold.sending.in_doubt
        match hold.end:
            case "delivered":
                self.ledger.deliveries.end(hold.sending, state=DeliveryState.DELIVERED, in_doubt=False)
            case "503":
                self.ledger.deliveries.end(
                    hold.sending, state=DeliveryState.UNSURE if doubt else DeliveryState.PENDING
                )
            case "rejected":
                self.ledger.deliveries.end(hold.sending, state=DeliveryState.DEAD)
            case _:
                self.ledger.deliveries.end(hold.sending, state=DeliveryState.UNSURE, in_doubt=True)

    @precondition(lambda self: self.has("recorded"))
    @rule(data=st.data(), delay=st.sampled_from([0, 5, 300]))
    def settle(self, data, delay):
        self._settle(self.pick(data, "recorded"), delay)

    def _settle(self, hold, delay):
        self.holds.remove(hold)
        match hold.end:
            case "delivered":
                self.queue.done(hold.item)
            case "rejected":
                self.queue.dead(hold.item, reason="no_service")
            case _:
                self.queue.retry(hold.item, delay=delay)

    # What goes wrong, and what people do

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def crash(self, data):
        self.holds.remove(data.draw(st.sampled_from(self.holds)))

    @rule(seconds=st.sampled_from([1, 30, LEASE + 1, 301]))
    def time_passes(self, seconds):
        self.now += seconds

    @rule()
    def revive(self):
        self.queue.revive([item.id for item in self.queue.dead_items()])

    # What must be so

    @invariant()
    def what_arrives_twice_says_so(self):
        unmarked = Counter(id for id, marked in self.arrived if not marked)
        assert max(unmarked.values(), default=0) <= 1, self.arrived

    @invariant()
    def what_is_recorded_as_delivered_has_arrived(self):
        for id in self.put_ids:
            if self.ledger.deliveries.get(id, "soc").state == "delivered":
                assert id in {arrived for arrived, _ in self.arrived}

    def teardown(self):
        """With no more faults, everything comes to an end."""
        self.holds.clear()
        self.queue.revive([item.id for item in self.queue.dead_items()])
        for _ in range(200):
            self.now += 301
            for item in self.queue.claim(10, lease=LEASE):
                hold = Hold(item)
                self.holds = [hold]
                self._begin(hold)
                if hold in self.holds:
                    self._send(hold, "delivered")
                    self._record(hold)
                    self._settle(hold, 0)
            if self.queue.depth().living == 0:
                break
        assert self.queue.depth().living == 0
        assert {id for id, _ in self.arrived} == set(self.put_ids)
        assert {self.ledger.deliveries.get(id, "soc").state for id in self.put_ids} <= {"delivered"}
        self.what_arrives_twice_says_so()


def test_on_one_machine():
    with tempfile.TemporaryDirectory() as folder:
        opened: list[Database] = []

        class OnSqlite(Deliveries):
            def make(self):
                database = Database(Path(folder) / f"{len(opened)}.db")
                database._levels = dict.fromkeys((True, False), "OFF")
                opened.append(database)
                return SqliteQueue(database, "deliveries", lambda: self.now), SqliteStore(database)

            def teardown(self):
                super().teardown()
                opened[-1].close()

        run_state_machine_as_test(
            OnSqlite,
            settings=settings(
                max_examples=80,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.timeout(120)
def test_on_aws(moto_clients, monkeypatch):
    """The same against SQS and DynamoDB as moto plays them, which here also take the test's time."""
    running: list[Deliveries] = []
    monkeypatch.setattr(moto_sqs, "unix_time", lambda *_: running[-1].now)
    monkeypatch.setattr(moto_sqs, "unix_time_millis", lambda *_: running[-1].now * 1_000)
    table = f"table-{uuid.uuid4()}"
    definition = table_definition()
    del definition["TimeToLiveSpecification"]
    moto_clients.call("dynamodb", "create_table", TableName=table, **definition)

    class OnAws(Deliveries):
        def make(self):
            running.append(self)
            self.examples = uuid.uuid4().hex[:8]
            urls = [
                moto_clients.call("sqs", "create_queue", QueueName=f"{name}-{self.examples}")["QueueUrl"]
                for name in ("deliveries", "deliveries-dlq")
            ]
            queue = SqsQueue(moto_clients, "deliveries", *urls, look_wait=0, now=lambda: self.now)
            return queue, _Own(moto_clients, table, self.examples)

    OnAws.__module__ = WITHOUT_SOURCE
    run_state_machine_as_test(
        OnAws,
        settings=settings(
            max_examples=5, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


class _Own(DynamoStore):
    """A part of a table for each example: to make a table takes longer than to use it."""

    def __init__(self, clients, table: str, name: str) -> None:
        super().__init__(clients, table)
        self._name = name

    def get(self, kind, group, name):
        return super().get(kind, f"{self._name}/{group}", name)

    def put(self, kind, group, name, body, *, expect=None, durable=True):
        return super().put(kind, f"{self._name}/{group}", name, body, expect=expect)

    def update(self, kind, group, name, change, *, durable=True):
        own = f"{self._name}/{group}" if indexes.is_indexed(kind) else group  # the others call get and put
        return super().update(kind, own, name, change, durable=durable)
