"""Every webhook is counted once, by what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.intake.webhooks import WEBHOOK
from receiver.web import create_app
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.metrics.definitions import WEBHOOKS
from shared.metrics.instruments import recorded_by
from shared.metrics.memory import Memory
from shared.queues.ports import QueueError
from shared.secrets import Secret

TOKEN = Secret("a-token-of-the-webhook")


class Failing(SqliteQueue):
    def put(self, *args: Any, **options: Any) -> str:
        raise QueueError("the disk is full")


@pytest.mark.parametrize(
    ("outcome", "status", "settings", "body"),
    [
        ("accepted", 202, {}, {}),
        ("unauthorized", 401, {}, {"token": "wrong"}),
        ("too_large", 413, {}, {"text": "x" * 300_000}),
        ("no_token", 503, {"tokens": []}, {}),
        ("queue_full", 503, {"full": "too many items wait"}, {}),
        ("not_stored", 503, {"queue": Failing}, {}),
    ],
)
def test_a_webhook_is_counted(tmp_path, outcome, status, settings, body):
    queue = settings.get("queue", SqliteQueue)(Database(tmp_path / "db"), "events")
    app = create_app(
        queue,
        lambda: settings.get("tokens", [TOKEN]),
        lambda: datetime.now(UTC),
        dict,
        full=lambda: settings.get("full", ""),
    )
    memory = Memory()
    with recorded_by(memory):
        answer = app.test_client().post(WEBHOOK, json={"token": TOKEN.reveal(), **body})

    assert answer.status_code == status
    assert {key: count for key, count in memory.values(WEBHOOKS).items() if count} == {(outcome,): 1}


def test_other_requests_are_not_counted(tmp_path):
    app = create_app(
        SqliteQueue(Database(tmp_path / "db"), "events"), lambda: [TOKEN], lambda: datetime.now(UTC), dict
    )
    memory = Memory()
    with recorded_by(memory):
        assert app.test_client().post("/elsewhere").status_code == 404
        assert app.test_client().get(WEBHOOK).status_code == 405

    assert not any(memory.values(WEBHOOKS).values())
