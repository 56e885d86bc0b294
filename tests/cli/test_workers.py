"""The real handlers on the core: no request to a peer is made in its thread, which would stop all items."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.workers import workers
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.http.client import Http
from shared.http.errors import ConnectionBroken
from shared.local.core import Core
from shared.local.server import Server
from shared.queues import items

CONFIG = """
platform: {url: "https://cado.example", api_key: "env:KEY"}
on_duty: {pagerduty: {schedule: PABC123, token: "env:KEY"}}
destinations:
  soc: {type: slack, token: "env:SLACK_TOKEN", channel: C0123456789}
  tickets: {type: jira, url: "https://acme.atlassian.net", email: hunt@acme.example, api_token: "env:KEY",
            project: SEC}
  hook: {type: webhook, url: "https://hook.example/alarms", secrets: ["env:HOOK"]}
default: [soc, tickets, hook]
delivery: {group_wait: 0, group_wait_malicious: 0}
"""
HOOK = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # gitleaks:allow
WITHIN = 20.0  # seconds
PEERS = ("cado.example", "pagerduty", "slack.com", "acme.atlassian.net", "hook.example")


@pytest.fixture
def machine(tmp_path):
    path = tmp_path / "huntbridge.yaml"
    path.write_text(CONFIG)
    environ = {"KEY": "a-key-of-32-letters-0123456789ab", "SLACK_TOKEN": "xoxb-1-2-abc", "HOOK": HOOK}
    return runtime.local(load(str(path), environ), tmp_path / "data", environ)


def test_no_peer_is_asked_in_the_thread_of_the_core(machine, monkeypatch):
    asked: list[tuple[str, str]] = []

    def request(self: Http, method: str, url: str, **options: Any) -> Any:
        asked.append((threading.current_thread().name, url))
        raise ConnectionBroken(url.split("/")[2], sent=True)

    monkeypatch.setattr(Http, "request", request)
    core = Core()
    server = Server(workers(machine, core), [], core)
    webhook = b'{"message": "5 malicious alarms in project id 3 evidence id 4."}'
    day, now = "2026-11-29", datetime.now(UTC)
    machine.events.put(items.encode(items.Webhook(webhook, now)), id="alarm")
    for name in machine.config.destinations:
        machine.events.put(items.encode(items.DailyCheck(name, day)), id=f"check {name}")
    look = items.LookAtIssues("tickets", {"case": "SEC-1"}, "2026-11-29T03:00")
    machine.events.put(items.encode(look), id="look")
    server.start()
    deadline = time.monotonic() + WITHIN
    while not all(any(peer in url for _, url in asked) for peer in PEERS):
        assert time.monotonic() < deadline, asked
        time.sleep(0.02)
    server.stop()
    assert "core" not in {thread for thread, _ in asked}
