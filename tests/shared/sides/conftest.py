"""Every side of the ports, so that one suite can hold all of them to the same contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

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
    store: Store
    queue: Queue
    other_queue: Queue
    clock: Clock = field(default_factory=Clock)


@pytest.fixture(params=["sqlite"])
def side(request, tmp_path) -> Iterator[Side]:
    clock = Clock()
    database = Database(tmp_path / "huntbridge.db")
    yield Side(
        SqliteStore(database),
        SqliteQueue(database, "events", clock),
        SqliteQueue(database, "deliveries", clock),
        clock,
    )
    database.close()
