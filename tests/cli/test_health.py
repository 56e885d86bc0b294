"""What `/health` of `serve` says, and when the queue takes no webhook."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cli.health import Health, Quota
from receiver.intake.refusals import Refusals
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.server import Server
from shared.queues.ports import QueueError
from shared.storage.last_delivered import LastDelivered
from shared.storage.ports import StoreError

ENVIRON = {
    "PLATFORM_IP": "https://cado.example",
    "API_KEY": "k",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/X",
}


@pytest.fixture
def bridge(tmp_path):
    made = runtime.local(load(None, ENVIRON), tmp_path / "data", ENVIRON)
    at = datetime.now(UTC)
    made.now = lambda: at
    return made


@pytest.fixture
def health(bridge):
    return Health(bridge, Server([], []), Refusals(bridge.events, bridge.ledger.notes, bridge.now))


def test_it_names_the_oldest_item_and_the_last_delivery(bridge, health):
    bridge.events.put(b"{}")
    at = bridge.now() + timedelta(seconds=90)
    bridge.now = lambda: at
    assert health()["delivered"] == {"slack": None}
    LastDelivered(bridge.store, bridge.now).record("slack")
    report = health()
    assert report["problems"] == []
    assert (report["events"]["waiting"], report["events"]["oldest_seconds"] >= 89) == (1, True)
    assert report["delivered"] == {"slack": at.isoformat()}


@pytest.mark.parametrize(
    ("part", "method", "error"),
    [
        ("store", "put", StoreError("the database cannot be written: disk I/O error")),
        ("deliveries", "depth", QueueError("the queue deliveries cannot be read: disk I/O error")),
    ],
)
def test_a_store_that_cannot_be_used_is_a_problem_and_the_rest_is_told_all_the_same(
    bridge, health, monkeypatch, part, method, error
):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(getattr(bridge, part), method, broken)
    report = health()
    assert report["problems"] == [str(error)]
    assert report["refused"] == {"last": None}


def test_what_keeps_every_webhook_out_is_a_problem(bridge, tmp_path):
    bridge.events.put(b"{}")
    full = quota(bridge, tmp_path, most=1)
    health = Health(bridge, Server([], []), Refusals(bridge.events, bridge.ledger.notes, bridge.now), full)
    assert health()["problems"] == ["The queue is full (webhook.max_waiting is 1); send it again later."]


def test_a_clock_that_was_never_set_is_a_problem(bridge, health):
    bridge.now = lambda: datetime(1970, 1, 1, 0, 0, 9, tzinfo=UTC)
    assert health()["problems"] == ["this machine's clock says 1970-01-01, and must be set"]


def test_deliveries_are_recorded_at_most_once_a_minute_and_a_broken_store_stops_none(bridge, caplog):
    last = LastDelivered(bridge.store, bridge.now)
    last.record("slack")
    first = bridge.now()
    for seconds, recorded in ((30, first), (61, first + timedelta(seconds=61))):
        bridge.now = lambda at=first + timedelta(seconds=seconds): at
        last._now = bridge.now
        last.record("slack")
        assert last.of(["slack"]) == {"slack": recorded.isoformat()}
    last = LastDelivered(SimpleNamespace(put=_broken), bridge.now)
    last.record("slack")
    assert 'cannot be stored destination=slack error="the disk is full"' in caplog.text


def _broken(*_, **__):
    raise StoreError("the disk is full")


# The quota


def quota(bridge, tmp_path, most=10, keep_free=0):
    return Quota([bridge.events, bridge.deliveries], tmp_path, most, keep_free)


def test_there_is_room_until_so_many_items_wait_in_both_queues(bridge, tmp_path):
    for number in range(5):
        bridge.events.put(b"{}", id=f"{number}")
        bridge.deliveries.put(b"{}", id=f"{number}")
    assert quota(bridge, tmp_path, most=11)() == ""
    assert quota(bridge, tmp_path)() == (
        "The queue is full (webhook.max_waiting is 10); send it again later."
    )


def test_a_part_of_the_disk_is_kept_free(bridge, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    assert quota(bridge, tmp_path, keep_free=1_000)() == ""
    assert "The disk is almost full" in quota(bridge, tmp_path, keep_free=1_001)()


def test_where_the_queue_cannot_be_read_the_webhook_is_left_to_the_write(bridge, tmp_path, monkeypatch):
    monkeypatch.setattr(bridge.events, "depth", lambda: (_ for _ in ()).throw(QueueError("locked")))
    assert quota(bridge, tmp_path, most=0)() == ""
