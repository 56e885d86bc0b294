"""The store or the queues fail for 90 minutes: no item dies, none is lost, and afterwards each is told once.

The time is simulated on both sides. On AWS the limits are those of template.yaml.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.sqs import models as moto_sqs

from receiver.assemble import handlers
from receiver.events import enrich
from shared.aws.dynamodb import DynamoStore, table_definition
from shared.aws.errors import AwsError
from shared.aws.sqs import SqsQueue
from shared.config.config import Config
from shared.hosting.lambda_records import work_records
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import Instance
from shared.queues import items, leases
from shared.queues.ports import DELIVERIES, EVENTS, QueueError
from shared.queues.worker import work
from shared.secrets import Secrets
from tests.aws_function import Context
from tests.emulated import properties, record_of
from tests.shared.sides.destination import Tool

pytestmark = pytest.mark.slow

OUTAGE, STEP = 90 * 60, 60
BEFORE, DURING = 6, 3  # webhooks


class Enricher(enrich.Enricher):
    def __init__(self) -> None:
        pass

    def enrich(self, event: Event) -> Alarm:
        return Alarm(event, Severity.MALICIOUS, event.malicious, 0, instance=Instance("i-0a", "us-east-1"))


@dataclass
class World:
    """One side in simulated time. `turn` does what is due; `faults` raise while the outage lasts."""

    now: float = 1_790_000_000.0
    chat: Tool = field(default_factory=Tool)
    fault: Callable[..., None] | None = None

    def assemble(self, store, events, deliveries) -> None:
        config = {
            "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
            "destinations": {"soc": {"type": "slack", "webhook_url": "env:A", "pace": 1000}},
            "default": "soc",
        }
        self.runtime = Runtime(
            Config.model_validate(config),
            store,
            events,
            events,
            deliveries,
            Secrets({}),
            now=lambda: datetime.fromtimestamp(self.now, UTC),
        )
        self.room = handlers(self.runtime, Enricher(), {"soc": self.chat})

    def receive(self, number: int) -> bool:
        """Whether the webhook was accepted. Otherwise the answer is 503, and its alarm is recovered later."""
        body = b'{"message": "%d malicious in project id 3, evidence id %d"}' % (number, number)
        try:
            self.runtime.events.put(items.encode(items.Webhook(body, self.runtime.now())))
        except QueueError:
            return False
        return True

    def turn(self) -> int:
        raise NotImplementedError


class OneMachine(World):
    def __init__(self, folder, monkeypatch) -> None:
        super().__init__()
        self.database = database = Database(folder / "huntbridge.db")
        database._levels = dict.fromkeys((True, False), "OFF")
        for name in ("read", "write"):
            monkeypatch.setattr(database, name, self._failing(name, getattr(database, name)))
        events, deliveries = (SqliteQueue(database, name, lambda: self.now) for name in (EVENTS, DELIVERIES))
        self.assemble(SqliteStore(database), events, deliveries)

    def _failing(self, name, call):
        def called(*arguments, **options):
            if self.fault:
                self.fault(name)
            return call(*arguments, **options)

        return called

    def turn(self) -> int:
        done = 0
        for queue, handler, lease in (
            (self.runtime.events, self.room.event, leases.EVENT),
            (self.runtime.deliveries, self.room.delivery, leases.DELIVERY),
        ):
            try:
                while worked := work(queue, handler, lease=lease):
                    done += worked
            except QueueError:  # as a worker of the server does
                continue
        return done


class Aws(World):
    def __init__(self, clients, monkeypatch) -> None:
        super().__init__()
        monkeypatch.setattr(moto_sqs, "unix_time", lambda *_: self.now)
        monkeypatch.setattr(moto_sqs, "unix_time_millis", lambda *_: self.now * 1_000)
        monkeypatch.setattr(clients, "call", self._failing(clients.call))
        self.clients, table = clients, f"table-{uuid.uuid4()}"
        self.urls: dict[str, str] = {}
        definition = table_definition()
        del definition["TimeToLiveSpecification"]
        clients.call("dynamodb", "create_table", TableName=table, **definition)
        queues = [self._queue(name) for name in (EVENTS, DELIVERIES)]
        self.assemble(DynamoStore(clients, table, lambda: self.now), *queues)

    def _queue(self, name: str) -> SqsQueue:
        wanted, sqs = properties(name.title()), self.clients.get("sqs")
        dead = sqs.create_queue(QueueName=f"{name}-dead-{uuid.uuid4()}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        limit = wanted["RedrivePolicy"]["maxReceiveCount"]
        url = sqs.create_queue(
            QueueName=f"{name}-{uuid.uuid4()}",
            Attributes={
                "VisibilityTimeout": str(wanted["VisibilityTimeout"]),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": limit}),
            },
        )["QueueUrl"]
        self.urls[name] = url
        return SqsQueue(self.clients, name, url, dead, look_wait=0, now=lambda: self.now)

    def _failing(self, call):
        def called(service, operation, **request):
            if self.fault:
                self.fault(service, operation, request)
            return call(service, operation, **request)

        return called

    def turn(self) -> int:
        """Do what SQS does: it invokes the function even while the function cannot use SQS."""
        done = 0
        for name, handler, lease in (
            (EVENTS, self.room.event, leases.EVENT),
            (DELIVERIES, self.room.delivery, leases.DELIVERY),
        ):
            sqs, url = self.clients.get("sqs"), self.urls[name]
            queue = getattr(self.runtime, name)
            while messages := sqs.receive_message(
                QueueUrl=url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
            ).get("Messages"):
                records = [record_of(message, "arn") for message in messages]
                answer = work_records(queue, handler, records, Context(), needs=leases.budget(lease))
                if not answer["batchItemFailures"]:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=messages[0]["ReceiptHandle"])
                done += 1
        return done


def locked(name: str) -> None:
    raise sqlite3.OperationalError("database is locked")


def full(name: str) -> None:
    if name == "write":
        raise sqlite3.OperationalError("database or disk is full")


def no_table(service: str, operation: str, request: dict[str, Any]) -> None:
    if service == "dynamodb":
        raise AwsError("DynamoDB has a fault of its own (InternalServerError)")


def no_queues(service: str, operation: str, request: dict[str, Any]) -> None:
    if service == "sqs":
        raise AwsError("SQS is throttling requests")


def no_key(service: str, operation: str, request: dict[str, Any]) -> None:
    raise AwsError("access denied: the role needs the use of its KMS key")


def no_deliveries(service: str, operation: str, request: dict[str, Any]) -> None:
    if operation == "send_message" and DELIVERIES in request["QueueUrl"]:
        raise AwsError("SQS is throttling requests")


@pytest.mark.parametrize("fault", [locked, full], ids=lambda fault: fault.__name__)
def test_on_one_machine(tmp_path, monkeypatch, fault):
    world = OneMachine(tmp_path, monkeypatch)
    survives(world, fault)
    world.database.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "fault", [no_table, no_queues, no_key, no_deliveries], ids=lambda fault: fault.__name__
)
def test_on_aws(moto_clients, monkeypatch, fault):
    survives(Aws(moto_clients, monkeypatch), fault)


def survives(world: World, fault: Callable[..., None]) -> None:
    for number in range(1, BEFORE // 2 + 1):
        assert world.receive(number)
    world.turn()  # these are on their way already
    accepted = BEFORE // 2
    for number in range(BEFORE // 2 + 1, BEFORE + 1):
        accepted += world.receive(number)
    world.fault = fault
    for number in range(OUTAGE // STEP):
        world.turn()
        world.now += STEP
        if number < DURING:
            accepted += world.receive(BEFORE + 1 + number)
    world.fault = None
    for _ in range(60):
        world.turn()
        world.now += STEP
    runtime = world.runtime
    for queue in (runtime.events, runtime.deliveries):
        depth = queue.depth()
        assert (depth.living, depth.dead) == (0, 0)
    told = [message.title.split()[0] for message in world.chat.sent]
    assert len(told) == accepted >= BEFORE
    assert len(set(told)) == accepted
