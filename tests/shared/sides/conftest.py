"""The sides: SQLite, and DynamoDB with SQS. The tests here run against each, so both keep one contract."""

from __future__ import annotations

import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.aws.clients import Clients
from shared.aws.dynamodb import DynamoStore, table_definition
from shared.aws.sqs import SqsQueue
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.queues.ports import Queue
from shared.storage.ports import Store
from tests.moto_server import moto_server
from tests.simulation.aws import SimulatedClients

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Clock:
    """A clock in epoch seconds that only a test moves."""

    seconds: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Side:
    """One side, and in what it may differ from the others."""

    store: Store
    queue: Queue
    other_queue: Queue
    clock: Callable[[], float]
    forward: Callable[[float], None]  # lets time pass
    unit: float  # seconds; leases and delays of tests are multiples of it
    tolerance: float = 0.0  # seconds by which its times may differ
    in_order: bool = True  # the oldest item is claimed first
    deduplicates: bool = True  # an item whose id is in the queue is not put again
    beyond_ffff: bool = True  # queues accept characters beyond U+FFFF; fauxqs does not
    tells_oldest: bool = True  # `depth` knows when the oldest item came in

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def same(self, first: datetime, second: datetime) -> bool:
        return abs((first - second).total_seconds()) <= self.tolerance


# `make test-emulators` runs the tests against two emulators that are independent of moto.
SIDES = ["emulators"] if os.environ.get("HUNTBRIDGE_EMULATORS") else ["sqlite", "simulated", "aws"]


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> Side:
    side: Side = request.getfixturevalue(request.param)
    return side


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Side]:
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
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def moto_clients(moto: str) -> Clients:
    return clients_of(moto, "dynamodb", "sqs")


def clients_of(endpoint: str, *services: str) -> Clients:
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("AWS_ACCESS_KEY_ID", "testing")
        environ.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environ.delenv("AWS_PROFILE", raising=False)
        clients = Clients({"AWS_REGION": "eu-west-1"}, endpoint_url=endpoint)
        for service in services:
            clients.get(service)
    return clients


@pytest.fixture(scope="session")
def emulated() -> Iterator[tuple[Clients, Clients]]:
    """Clients of dynalite and of fauxqs."""
    installed = ROOT / ".cache/emulators"
    if not (installed / "ready").exists():
        pytest.skip("the emulators are not installed: make test-emulators installs them where npm is there")
    script = ROOT / "tests/tools/emulators/serve.mjs"
    command = ["node", str(script), str(installed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ports = json.loads(process.stdout.readline())
        yield (
            clients_of(f"http://127.0.0.1:{ports['dynamodb']}", "dynamodb"),
            clients_of(f"http://127.0.0.1:{ports['sqs']}", "sqs"),
        )
        process.communicate(timeout=10)


@pytest.fixture
def aws(moto_clients: Clients) -> Side:
    return aws_side(moto_clients, moto_clients)


@pytest.fixture
def simulated() -> Side:
    """DynamoDB and SQS as tests/simulation plays them."""
    clock = Clock()
    clients = SimulatedClients(clock)
    side = aws_side(clients, clients, clock)
    return replace(side, clock=clock, forward=clock.forward, unit=30, tolerance=0)


@pytest.fixture
def emulators(emulated: tuple[Clients, Clients]) -> Side:
    return replace(aws_side(*emulated), beyond_ffff=False)


def aws_side(dynamodb: Clients, sqs: Clients, now: Callable[[], float] = time.time) -> Side:
    table = f"table-{uuid.uuid4()}"
    definition = table_definition()
    del definition["TimeToLiveSpecification"]  # no word of create_table
    dynamodb.call("dynamodb", "create_table", TableName=table, **definition)

    def queue(name: str) -> SqsQueue:
        urls = [
            sqs.call("sqs", "create_queue", QueueName=f"{name}-{uuid.uuid4()}")["QueueUrl"]
            for name in (name, f"{name}-dlq")
        ]
        return SqsQueue(sqs, name, *urls, now=now)

    return Side(
        DynamoStore(dynamodb, table, now),
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
