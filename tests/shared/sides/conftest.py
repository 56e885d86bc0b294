"""Every side of the ports, so that one suite can hold all of them to the same contract."""

from __future__ import annotations

import functools
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from moto.dynamodb.models import DynamoDBBackend
from moto.server import ThreadedMotoServer

from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore, table_definition
from shared.aws.sqs import SqsQueue
from shared.ledger import Store
from shared.local.sqlite import Database, SqliteQueue, SqliteStore
from shared.queues import Queue


@dataclass
class Clock:
    """Epoch seconds that only a test moves."""

    seconds: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Side:
    """A side, and where it may differ from the others."""

    store: Store
    queue: Queue
    other_queue: Queue
    clock: Callable[[], float]
    forward: Callable[[float], None]  # a test's way through time
    unit: float  # seconds; what a test's leases and delays are made of
    tolerance: float = 0.0  # seconds that its times may be off
    in_order: bool = True  # the oldest item is claimed first
    deduplicates: bool = True  # an id that lives is not put again
    tells_oldest: bool = True  # `depth` knows when the oldest item came in

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def same(self, one: datetime, other: datetime) -> bool:
        return abs((one - other).total_seconds()) <= self.tolerance


@pytest.fixture(params=["sqlite", "aws"])
def side(request) -> Side:
    side: Side = request.getfixturevalue(request.param)
    return side


@pytest.fixture
def sqlite(tmp_path) -> Iterator[Side]:
    clock = Clock()
    database = Database(tmp_path / "huntbridge.db")
    yield Side(
        SqliteStore(database),
        SqliteQueue(database, "events", clock),
        SqliteQueue(database, "deliveries", clock),
        clock,
        clock.forward,
        unit=30,
    )
    database.close()


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        lock = threading.Lock()
        for name in ("get_item", "query", "update_item"):
            patch.setattr(DynamoDBBackend, name, one_at_a_time(getattr(DynamoDBBackend, name), lock))
        yield f"http://{host}:{port}"
    server.stop()


def one_at_a_time(call: Callable, lock: threading.Lock) -> Callable:
    """DynamoDB looks at a condition and writes in one step; moto does so in several, between which another of
    its threads may write, and read what is half written."""

    @functools.wraps(call)
    def locked(*args, **kwargs):
        with lock:
            return call(*args, **kwargs)

    return locked


@pytest.fixture(scope="session")
def moto_clients(moto) -> Clients:
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AWS_ACCESS_KEY_ID", "testing")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environ.delenv("AWS_PROFILE", raising=False)
        clients = Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=moto)
        for service in ("dynamodb", "sqs"):
            clients.get(service)
    return clients


@pytest.fixture
def aws(moto_clients) -> Side:
    table = f"table-{uuid.uuid4()}"
    definition = table_definition()
    del definition["TimeToLiveSpecification"]  # no word of create_table
    moto_clients.call("dynamodb", "create_table", TableName=table, **definition)

    def queue(name: str) -> SqsQueue:
        urls = [
            moto_clients.call("sqs", "create_queue", QueueName=f"{name}-{uuid.uuid4()}")["QueueUrl"]
            for name in (name, f"{name}-dlq")
        ]
        return SqsQueue(moto_clients, name, *urls)

    return Side(
        DynamoStore(moto_clients, table),
        queue("events"),
        queue("deliveries"),
        time.time,
        time.sleep,
        unit=1,  # SQS counts whole seconds
        tolerance=10,
        in_order=False,
        deduplicates=False,
        tells_oldest=False,
    )
