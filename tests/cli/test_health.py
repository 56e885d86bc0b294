"""What `/health` of `serve` says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cli.health import Health
from receiver.intake.refusals import Refusals
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.server import Server
from shared.local.webhook_quota import WebhookQuota
from shared.queues.ports import QueueError
from shared.storage.last_delivered import LastDelivered
from shared.storage.ledger.refusals import RefusalCounts
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


def refusals(bridge):
    counts = RefusalCounts(bridge.store, bridge.now)
    return Refusals(bridge.events, bridge.ledger.notes, counts, bridge.now)


@pytest.fixture
def health(bridge):
    return Health(
        bridge,
        Server([], []),
        refusals(bridge),
    )


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
    full = WebhookQuota([bridge.events, bridge.deliveries], tmp_path, most=1, keep_free=0)
    health = Health(
        bridge,
        Server([], []),
        refusals(bridge),
        full,
    )
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
