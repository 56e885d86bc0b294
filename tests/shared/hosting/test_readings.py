from __future__ import annotations

from datetime import timedelta

import pytest

from shared.config.config import Config
from shared.hosting import runtime as runtimes
from shared.hosting.readings import Readings
from shared.metrics import definitions as metrics
from shared.queues.ports import QueueError
from tests.shared.config.loading import load

CONFIG = """
platform: {url: https://cado.example, api_key: env:API_KEY}
destinations: {soc: {type: slack, webhook_url: env:SLACK}}
default: [soc]
"""


@pytest.fixture
def runtime(tmp_path):
    (tmp_path / "huntbridge.yaml").write_text(CONFIG)
    config: Config = load(str(tmp_path / "huntbridge.yaml"), {})
    return runtimes.local(config, tmp_path / "data", {})


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def values(readings, gauge):
    return {reading.labels: reading.value for reading in readings if reading.gauge is gauge}


def test_the_queues(runtime):
    before = runtime.now() - timedelta(seconds=1)
    runtime.events.put(b"one")
    runtime.events.put(b"two", delay=60)
    (item,) = runtime.events.claim(lease=30)
    runtime.deliveries.put(b"three")
    (doomed,) = runtime.deliveries.claim(lease=30)
    runtime.deliveries.dead(doomed, reason="why")
    readings = Readings(runtime)()

    items = values(readings, metrics.QUEUE_ITEMS)
    assert (items["events", "leased"], items["events", "delayed"], items["events", "ready"]) == (1, 1, 0)
    assert values(readings, metrics.QUEUE_DEAD) == {("captures",): 0, ("events",): 0, ("deliveries",): 1}
    oldest = values(readings, metrics.QUEUE_OLDEST)
    assert set(oldest) == {("events",)}
    assert before.timestamp() < oldest["events",] <= runtime.now().timestamp()
    assert item.body == b"one"


def test_figures_are_kept_for_a_moment(runtime):
    clock = Clock()
    readings = Readings(runtime, clock)

    def waiting() -> float:
        return float(values(readings(), metrics.QUEUE_ITEMS)["events", "ready"])

    assert waiting() == 0
    runtime.events.put(b"one")
    assert waiting() == 0
    clock.now += 6
    assert waiting() == 1


def test_a_queue_that_cannot_be_read_hides_nothing_else(runtime, monkeypatch, caplog):
    def fail():
        raise QueueError("the disk is full")

    monkeypatch.setattr(runtime.events, "depth", fail)
    readings = Readings(runtime)()

    assert values(readings, metrics.STORE_UP) == {(): 1}
    assert values(readings, metrics.OPEN_HUNTS) == {(): 0}
    assert "the disk is full" in caplog.text


def test_a_fault_in_one_group_hides_nothing_else(runtime, monkeypatch):
    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr(runtime.events, "depth", fail)
    assert values(Readings(runtime)(), metrics.STORE_UP) == {(): 1}


def test_a_store_that_cannot_be_written_is_down(runtime, monkeypatch):
    from shared.storage.ports import StoreError

    def fail(*args, **options):
        raise StoreError("the disk is full")

    monkeypatch.setattr(runtime.store, "put", fail)
    assert values(Readings(runtime)(), metrics.STORE_UP) == {(): 0}


def test_the_destinations_cases_hunts_and_coverage_of_an_empty_store(runtime):
    readings = Readings(runtime)()

    assert values(readings, metrics.LAST_DELIVERED) == {("soc",): 0}
    assert values(readings, metrics.WAITING_DELIVERIES) == {("soc",): 0}
    assert values(readings, metrics.FAILING_SINCE) == {("soc",): 0}
    assert values(readings, metrics.CASES)["open", "malicious"] == 0
    assert values(readings, metrics.OLDEST_CASE) == {}
    assert values(readings, metrics.KNOWN_SYSTEMS) == {(): 0}
    assert values(readings, metrics.LISTED_SYSTEMS) == {}
    assert values(readings, metrics.LAST_HUNT_FINISHED)[()] > 0


def test_on_aws_the_queues_are_left_to_cloudwatch(runtime):
    readings = Readings(runtime, queues=False)()

    assert values(readings, metrics.QUEUE_ITEMS) == {}
    assert values(readings, metrics.STORE_UP) == {(): 1}
