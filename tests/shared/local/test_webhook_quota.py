"""When one machine takes no more webhooks."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.webhook_quota import WebhookQuota
from shared.queues.ports import QueueError


@pytest.fixture
def bridge(tmp_path):
    environ = {"PLATFORM_IP": "https://cado.example", "API_KEY": "k"}
    return runtime.local(load(None, environ), tmp_path / "data", environ)


def quota(bridge, tmp_path, most=10, keep_free=0):
    return WebhookQuota([bridge.events, bridge.deliveries], tmp_path, most, keep_free)


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
