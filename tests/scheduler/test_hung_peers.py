"""Peers that take a connection and never answer: what needs none of them is done all the same."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from scheduler import timer
from scheduler.timer import JOBS, Jobs
from shared.models.captures import CaptureState
from shared.models.event_kinds import HUNT_MISSED
from shared.queues import items
from shared.secrets import Secrets
from tests.scheduler.staging import KEY, QUIET, SUNDAY


@pytest.fixture
def silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def stage(make_stage, silent, monkeypatch):
    """The platform, AWS and its secret store hang; a hunt is open, one is missed, and a case waits."""
    for name, value in {
        "AWS_ENDPOINT_URL": silent, "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t",
        "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    made = make_stage(
        (QUIET,), {"url": silent, "admin_key": "aws-ssm:/admin"}, hunt={"schedule": "cron(0 1 * * ? *)"}
    )
    made.runtime.secrets = Secrets({"KEY": KEY, "AWS_REGION": "us-east-1"})
    made.runtime.config = made.runtime.config.model_copy(
        update={"reminders": SimpleNamespace(after=60, times=2)}
    )
    ledger = made.runtime.ledger
    made.start(SUNDAY - timedelta(hours=2))
    (hunt,) = ledger.hunts.of_name("weekly")
    ledger.hunts.start(hunt.id, 7)
    (capture,) = ledger.captures.of_hunt(hunt.id)
    ledger.captures.update(capture, state=CaptureState.REQUESTED, pipeline_ids=(1,), released_at=made.moment)
    ledger.cases.await_acknowledgement("a case", 60)
    Jobs(made.runtime).run(timer.MISSED)  # the schedule is seen
    made.forward(26 * 3_600)
    return made


@pytest.mark.slow
def test_what_needs_none_of_them_is_done(stage, monkeypatch):
    budgets = {"watch": 1.0, "follow": 1.0, "recover": 1.0}
    jobs = tuple(replace(job, budget=budgets.get(job.name, job.budget)) for job in JOBS)
    monkeypatch.setattr(timer, "JOBS", jobs)
    for _ in range(2):
        Jobs(stage.runtime).run_all()
        stage.forward(3_600)
    done = [items.decode(item.body) for item in stage.runtime.events.claim(10, lease=60)]
    assert [content.event["kind"] for content in done if isinstance(content, items.OwnEvent)] == [HUNT_MISSED]
    assert any(isinstance(content, items.Reminder) and content.case_key == "a case" for content in done)
    failing = stage.runtime.ledger.notes.about("job")
    assert set(failing) == {"follow", "recover"}
    for body in failing.values():
        assert body["times"] == 2
        assert "did not answer" in body["reason"] or "was not done within" in body["reason"]
