"""The scheduler's function: what EventBridge Scheduler and SQS send in, with moto as AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from demo.platform.simulation import Platform
from demo.serving import serving
from scheduler import handler
from scheduler.capture import capture
from scheduler.capture_slots import CaptureSlots
from shared.config.errors import ConfigError
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.captures import CaptureState
from shared.models.captures_again import CaptureAgain
from shared.models.codec import dump
from shared.models.hunts import Hunt, HuntState
from shared.models.systems import System
from shared.queues import items
from shared.queues.ports import Again, Done
from shared.storage.ports import StoreError
from tests.aws_function import Invoked
from tests.emulated import Resources, scheduled
from tests.moto_server import moto_server
from tests.scheduler.staging import BAD, KEY, QUIET

AT = "2026-11-22T02:00:00Z"
DUE = scheduled("HuntSchedules", "weekly", AT)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url


class Stage:
    def __init__(self, moto: str, open_: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.platform = Platform((QUIET, BAD), {KEY: "Lead Analyst"})
        self.resources = Resources(moto)
        self.key = self.resources.secret("cado", key=KEY)
        self.platform_url = open_.enter_context(serving(self.platform.app))
        self.configure()
        self.function = Invoked(handler, self.resources, monkeypatch)
        environ = self.resources.environ
        self.runtime = runtime.aws(load(None, environ), environ)

    def configure(self, **more: Any) -> None:
        targets = [{"instance": m.instance_id, "region": m.region} for m in (QUIET, BAD)]
        self.resources.configure(
            {
                "platform": {"url": self.platform_url, "api_key": f"{self.key}#key"},
                "hunts": {"weekly": {"targets": targets}},
                "destinations": {"soc": {"type": "slack", "webhook_url": "env:NOT_READ_HERE"}},
                "default": ["soc"],
                **more,
            }
        )

    def projects(self) -> list[str]:
        return [
            request.path
            for request in self.platform.requests
            if request.method == "POST" and request.path == "/api/v3/projects"
        ]


@pytest.fixture
def stage(moto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with ExitStack() as open_:
        yield Stage(moto, open_, monkeypatch)


def test_a_schedule_that_comes_twice_is_one_hunt(stage):
    answers = [stage.function(DUE) for _ in range(2)]
    assert answers == [{"hunt": f"weekly@{AT}", "state": "planned"}] * 2
    records = stage.function.receive("captures")
    assert len(records) == 2  # SQS knows nothing of ids
    assert stage.function({"Records": records}) == {"batchItemFailures": []}
    assert stage.function.work("captures") == []
    assert dict(stage.platform.asked) == {QUIET.instance_id: 1, BAD.instance_id: 1}
    assert len(stage.projects()) == 1
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    assert (hunt.state, hunt.systems) == (HuntState.RUNNING, 2)
    assert [c.state for c in stage.runtime.ledger.captures.of_hunt(hunt.id)] == [CaptureState.REQUESTED] * 2


def test_an_event_of_eventbridge_starts_what_a_trigger_says(stage):
    stage.configure(
        triggers={"ir": {"source": "aws.security-ir", "detail_type": "Case Created", "hunt": "weekly"}}
    )
    event = {"source": "aws.security-ir", "detail-type": "Case Updated", "time": AT, "detail": {}}
    assert stage.function(event)["state"] == "ignored"
    case = {**event, "detail-type": "Case Created", "account": "111122223333", "region": "us-east-1"}
    assert stage.function(case) == {"hunt": f"weekly@{AT}", "state": "planned"}
    for _ in range(3):  # start, open the project, request
        assert stage.function.work("captures") == []
    assert dict(stage.platform.asked) == {QUIET.instance_id: 1, BAD.instance_id: 1}


def test_a_system_is_captured_again(stage):
    asked = CaptureAgain(System(QUIET.instance_id, QUIET.region), "full", stage.runtime.now(), "ada", "c")
    start = items.StartHunt({"again": dump(asked), "scheduled_at": asked.at.isoformat(), "by": "ada"})
    for _ in range(2):
        stage.runtime.captures.put(items.encode(start))
    for _ in range(3):  # start, open the project, request
        assert stage.function.work("captures") == []
    assert dict(stage.platform.asked) == {QUIET.instance_id: 1}


def test_two_workers_with_the_same_capture_ask_for_it_once(stage, monkeypatch):
    stage.function(DUE)
    stage.function.work("captures", limit=1)
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    system, until = System(QUIET.instance_id, QUIET.region), datetime.now(UTC).timestamp() + 60
    read, both_have_read = stage.runtime.ledger.captures.get, threading.Barrier(2)

    def read_together(*args: Any) -> Any:
        body = read(*args)
        both_have_read.wait(10)
        return body

    monkeypatch.setattr(stage.runtime.ledger.captures, "get", read_together)
    with ThreadPoolExecutor(2) as two:
        ask = partial(capture, slots=CaptureSlots(2), until=until, claims=1)
        asked = [two.submit(ask, stage.runtime, hunt.id, system) for _ in "ab"]
        verdicts = {type(future.result(30)) for future in asked}
    assert verdicts == {Done, Again}
    assert stage.platform.asked[QUIET.instance_id] == 1


def test_no_more_requests_wait_for_the_platform_than_the_configuration_allows(stage, monkeypatch):
    """The ledger still says that the capture was not requested."""
    monkeypatch.setattr("scheduler.capture.SLOT_WITHIN", 0)
    stage.function(DUE)
    stage.function.work("captures", limit=1)
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    system = System(QUIET.instance_id, QUIET.region)
    slots = CaptureSlots(1)

    def ask():
        until = datetime.now(UTC).timestamp() + 60
        return capture(stage.runtime, hunt.id, system, slots=slots, until=until, claims=1)

    with slots.slot(0):
        verdict = ask()
    assert isinstance(verdict, Again)
    assert verdict.expected
    assert stage.runtime.ledger.captures.get(hunt.id, system).state == "planned"
    assert not stage.platform.asked
    assert ask() == Done()
    assert stage.platform.asked[QUIET.instance_id] == 1
    with slots.slot(0):
        pass


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_platform_gets_no_other_request_for_a_moment(stage, status):
    stage.function(DUE)
    stage.function.work("captures", limit=1)
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    moment, until = 0.0, datetime.now(UTC).timestamp() + 60
    slots = CaptureSlots(64, clock=lambda: moment)

    def ask(instance):
        system = System(instance.instance_id, instance.region)
        return capture(stage.runtime, hunt.id, system, slots=slots, until=until, claims=1)

    stage.platform.fault("POST", "/import/", status, headers={"Retry-After": "7"})
    assert ask(QUIET).delay == 7
    requests = len(stage.platform.requests)
    assert ask(BAD) == Again(7, "the platform is busy, and all requests wait a moment", expected=True)
    assert len(stage.platform.requests) == requests
    moment = 7.0
    assert ask(BAD) == Done()


def test_the_follow_timer_ends_a_hunt_and_counts_the_days(stage, capsys, monkeypatch):
    follow = scheduled("FollowTimer")
    assert stage.function(follow) == {"open_hunts": 0}
    (first,) = metrics(capsys)
    now = datetime.now(UTC)
    assert first.pop("_aws")["CloudWatchMetrics"] == [
        {
            "Namespace": "huntbridge",
            "Dimensions": [["Function"]],
            "Metrics": [{"Name": "DaysSinceHuntFinished", "Unit": "None"}],
        }
    ]
    assert first == {"Function": "huntbridge-function", "DaysSinceHuntFinished": pytest.approx(0, abs=0.01)}

    # Nine days without a hunt: counted from when somebody first looked.
    kept = handler._reloading().get()
    monkeypatch.setattr(kept, "now", lambda: now + timedelta(days=9))
    stage.function(follow)
    (later,) = metrics(capsys)
    assert later["DaysSinceHuntFinished"] == pytest.approx(9, abs=0.01)

    monkeypatch.setattr(kept, "now", lambda: datetime.now(UTC))
    stage.function(DUE)
    while stage.resources.depth("captures"):
        stage.function.work("captures")
    stage.platform.settle()
    monkeypatch.setattr(kept, "now", lambda: datetime.now(UTC) + timedelta(minutes=5))
    assert stage.function(follow) == {"open_hunts": 0}
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    assert hunt.state is HuntState.FINISHED
    assert stage.resources.depth("events") >= 1


def test_a_follow_timer_without_a_configuration_is_told_by_a_metric_and_keeps_nothing(stage, capsys, caplog):
    """Else each ring before the first configuration is there would wait in Missed for somebody."""
    stage.function.restart(HUNTBRIDGE_CONFIG=f"s3://{stage.resources.name}/nowhere.yaml")
    assert stage.function(scheduled("FollowTimer")) == {"failed": "ConfigError"}
    (line,) = metrics(capsys)
    assert line["TimerFailures"] == 1
    assert "nowhere.yaml" in caplog.text
    with pytest.raises(ConfigError):  # a hunt that is not started is kept
        stage.function(DUE)

    stage.function.restart()
    assert stage.function(scheduled("FollowTimer")) == {"open_hunts": 0}
    (line,) = metrics(capsys)
    assert "TimerFailures" not in line


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The metrics that the alarms of template.yaml watch."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in lines if {"DaysSinceHuntFinished", "TimerFailures"} & line.keys()]


def test_without_the_platforms_key_the_hunt_fails_with_the_reason(stage, monkeypatch):
    stage.resources.client("secretsmanager").delete_secret(
        SecretId=f"{stage.resources.name}/cado", ForceDeleteWithoutRecovery=True
    )
    stage.function(DUE)
    late = datetime.now(UTC) + timedelta(hours=2)  # until then it is taken for an outage
    monkeypatch.setattr(handler._reloading().get(), "now", lambda: late)
    assert stage.function.work("captures") == []
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    assert (hunt.state, hunt.reason) == (
        HuntState.FAILED,
        f"{stage.key}#key: there is no such secret in AWS",
    )
    assert stage.resources.depth("events") == 1  # and somebody hears of it


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "not an event of the scheduler"),
        ({"follow": "yes"}, "not an event of the scheduler"),
        ({"hunt": "weekly"}, "scheduled_at None is not a time"),
        (
            {"hunt": "weekly", "scheduled_at": "<aws.scheduler.scheduled-time>"},
            "is not a time; in a schedule",
        ),
        (scheduled("HuntSchedules", "another", AT), "another"),
    ],
)
def test_what_is_no_event_of_the_scheduler_fails_loudly(stage, event, said):
    with pytest.raises((ValueError, KeyError), match=said):
        stage.function(event)


def test_a_time_in_another_zone_is_the_same_hunt(stage):
    answer = stage.function({"hunt": "weekly", "scheduled_at": "2026-11-22T03:00:00+01:00"})
    assert answer["hunt"] == f"weekly@{AT}"


def test_a_start_that_the_store_refuses_waits_in_the_queue(stage, monkeypatch):
    kept = handler._reloading().get()
    real, away = kept.store.put, [True]

    def put(*args, **more):
        if away:
            raise StoreError("DynamoDB is throttling requests")
        return real(*args, **more)

    monkeypatch.setattr(kept.store, "put", put)
    monkeypatch.setattr(kept, "now", lambda: datetime(2026, 11, 22, 2, 1, tzinfo=UTC))
    assert stage.function(DUE) == {"state": "waits", "reason": "DynamoDB is throttling requests"}
    assert stage.runtime.ledger.hunts.of_name("weekly") == []
    away.clear()
    assert stage.function.work("captures") == []
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    assert (hunt.id, hunt.trigger) == (f"weekly@{AT}", "a request to the scheduler")


@pytest.mark.parametrize(
    ("event", "dead"),
    [
        ({"hunt": "weekly", "scheduled_at": "2026-11-22T00:00:00Z"}, 0),
        ({"hunt": "gone", "scheduled_at": AT}, 1),
    ],
)
def test_a_start_that_comes_too_late_or_is_of_no_hunt_starts_nothing(stage, monkeypatch, event, dead):
    monkeypatch.setattr(handler._reloading().get(), "now", lambda: datetime(2026, 11, 22, 2, 1, tzinfo=UTC))
    stage.runtime.captures.put(items.encode(items.StartHunt(event)))
    assert stage.function.work("captures") == []
    assert stage.runtime.ledger.hunts.of_name("weekly") == []
    assert stage.runtime.captures.depth().dead == dead


def test_the_last_finished_hunt_is_one_read(stage, monkeypatch):
    ledger = stage.runtime.ledger
    hunt = ledger.hunts.open(Hunt("weekly", datetime(2026, 11, 22, 2, tzinfo=UTC)))
    ended = ledger.hunts.end(hunt.id, HuntState.FINISHED)
    stage.runtime.store.delete("clock", "", "@finished")  # as the version before left it
    assert ledger.hunts.last_finished(["weekly"]) == ended.finished_at
    monkeypatch.setattr(stage.runtime.store, "scan", None)
    assert ledger.hunts.last_finished(["weekly"]) == ended.finished_at
