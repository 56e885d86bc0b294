"""Any number of timers enqueue one heartbeat, on every side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.queues import items
from shared.queues.heartbeats import Heartbeats
from shared.queues.ports import Item, Queue
from shared.secrets import Secrets
from tests.queue_items import decoded

CONFIG = {
    "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
    "destinations": {"office": {"type": "teams", "webhook_url": "env:B", "heartbeat_days": 30}},
    "default": "office",
}


@dataclass
class Days:
    moment: datetime = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, days: int) -> None:
        self.moment += timedelta(days=days)


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def heartbeats(side, days) -> Heartbeats:
    config = Config.model_validate(CONFIG)
    runtime = Runtime(config, side.store, side.queue, side.queue, side.other_queue, Secrets({}), now=days)
    return runtime.heartbeats


def taken(queue: Queue) -> list[Item]:
    """The items of a queue, which is empty afterwards."""
    items: list[Item] = []
    while claimed := queue.claim(10, lease=60):
        for item in claimed:
            queue.done(item)
        items += claimed
    return items


def test_many_timers_at_once_enqueue_one(side, heartbeats, days):
    def look_often() -> list[Item]:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: heartbeats.enqueue_due(), range(8)))
        return taken(side.queue)

    assert look_often() == []  # from now on it is counted
    for _ in range(2):
        days.forward(30)
        asked = look_often()
        assert len({item.body for item in asked}) == 1
        assert look_often() == []
        for item in asked:
            heartbeats.send(items.decode(item.body))
        told = taken(side.other_queue)
        assert len({decoded(items.DeliverAlarm, item.body).alarm["event"]["id"] for item in told}) == 1
        heartbeats.delivered("office")
        assert look_often() == []


def test_a_heartbeat_is_not_sent_after_a_delivery(side, heartbeats, days):
    heartbeats.enqueue_due()
    days.forward(30)
    heartbeats.enqueue_due()
    heartbeats.delivered("office")
    for item in taken(side.queue):
        heartbeats.send(items.decode(item.body))
    assert taken(side.other_queue) == []
