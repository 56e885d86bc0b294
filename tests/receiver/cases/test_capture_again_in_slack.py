"""People have the system of a case captured again by a button in Slack: from the signed click to the hunt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from receiver.intake.slack_request import CAPTURE_AGAIN
from scheduler.worker import captures_handler
from shared.config.capture_again import CaptureAgainConfig
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt
from shared.models.inventory import InstanceError
from shared.models.systems import Instance, Kind, System
from shared.queues import items
from shared.queues.ports import Done, Handler, Item, Verdict
from shared.queues.worker import work
from shared.storage import audit
from shared.storage.queries.case_filter import CaseFilter
from tests.receiver.cases.test_deciding import SYSTEM
from tests.receiver.cases.test_mute_in_slack import in_hunt
from tests.receiver.world import World, buttons

WEB = System(SYSTEM, "us-east-1")


class Fleet:
    """EC2 as the test says it is."""

    def __init__(self) -> None:
        self.found: list[Instance] = [Instance(SYSTEM, "us-east-1", state="running")]
        self.error = ""

    def instances(self, account: str, region: str, *, only: Any = (), tags: Any = None) -> list[Instance]:
        if self.error:
            raise InstanceError(self.error)
        return [each for each in self.found if each.id in only]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def make(make_world, monkeypatch, fleet):
    def world(listed: list[str] | None = None, **limits: Any) -> World:
        made = in_hunt(make_world(["ir"], listed=listed))
        runtime = made.stage.runtime
        # `config` is read when the workers are made.
        runtime.config = runtime.config.model_copy(update={"capture_again": CaptureAgainConfig(**limits)})
        monkeypatch.setattr(runtime, "make_fleet", lambda **_: fleet)
        made.stage.work = made.stage.worker()
        return made

    return world


def started(world: World) -> list[tuple[Hunt, Capture]]:
    """What the scheduler makes of the items in [captures], as far as it needs no platform."""
    runtime = world.stage.runtime
    while work(runtime.captures, _starts(runtime), lease=60):
        pass
    hunts = runtime.ledger.hunts.unfinished()
    return [(hunt, capture) for hunt in hunts for capture in runtime.ledger.captures.of_hunt(hunt.id)]


def _starts(runtime: Runtime) -> Handler:
    handle = captures_handler(runtime)

    def starts(item: Item) -> Verdict:
        return handle(item) if isinstance(items.decode(item.body), items.StartHunt) else Done()

    return starts


def answer(world: World) -> str:
    return world.ephemerals()[-1][1]


def log(world: World) -> list[audit.Entry]:
    entries = audit.newest(world.stage.runtime.store, world.stage.moment)
    return [entry for entry in entries if entry.action == "capture again"]


def captured(world: World, mode: str, state: CaptureState = CaptureState.PROCESSED) -> None:
    """An earlier hunt has captured the system in this mode."""
    captures = world.stage.runtime.ledger.captures
    capture = captures.plan(Capture("weekly@2026-11-22T02:00:00Z", WEB, mode=mode))
    captures.update(capture, state=state, requested_at=world.stage.moment, ended_at=world.stage.moment)


def test_a_click_becomes_a_run_of_this_system_and_is_in_the_log(make):
    world = make()
    assert "Capture again" in buttons(world.parent)
    captured(world, "triage")
    world.click(CAPTURE_AGAIN)
    ((hunt, capture),) = started(world)
    assert (hunt.name[:6], capture.system, capture.mode) == ("again-", WEB, "full")
    assert hunt.trigger.startswith("hunt run by ada (Slack user U012AB3CD) at Slack: the system of case ")
    assert answer(world) == (
        f"{SYSTEM} will be captured again, in full: run {hunt.name} of 2026-11-24 03:01 UTC."
    )
    (entry,) = log(world)
    assert (entry.by, entry.origin) == ("ada (Slack user U012AB3CD)", "Slack")
    assert entry.after == {"hunt": hunt.id, "capture": "full"}


def test_slack_asks_back_first(make):
    (button,) = [
        element
        for block in make().parent.body["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if element["action_id"] == CAPTURE_AGAIN
    ]
    assert button["confirm"]["deny"]["text"] == "Cancel"
    assert "in full if it can" in button["confirm"]["text"]["text"]


def test_a_click_that_arrives_twice_is_one_run(make):
    world = make()
    request = world.slack.click(world.parent, CAPTURE_AGAIN)
    for _ in range(2):
        assert world.send(request) == 200
        world.stage.run_all()
    assert len(started(world)) == len(log(world)) == 1


def test_one_system_is_captured_again_once_in_its_period(make):
    world = make(per_system=3_600)
    world.click(CAPTURE_AGAIN)
    ((first, _),) = started(world)
    world.click(CAPTURE_AGAIN)
    run = f"{first.name} of 2026-11-24 03:01 UTC"
    assert answer(world) == f"Nothing is captured again: {run} captures {SYSTEM}, and has not ended."
    world.stage.runtime.ledger.captures.update(
        Capture(first.id, WEB), state=CaptureState.FAILED, ended_at=world.stage.moment
    )
    world.click(CAPTURE_AGAIN)
    assert answer(world) == (
        f"Nothing is captured again: {run} was of the same system, and the configuration allows one in 1h."
    )
    world.stage.forward(3_600)
    world.click(CAPTURE_AGAIN)
    assert len(started(world)) == len(log(world)) == 2


def test_a_day_has_its_limit(make):
    world = make(per_day=1, per_system=0)
    world.click(CAPTURE_AGAIN)
    world.click(CAPTURE_AGAIN)
    assert answer(world) == ("Nothing is captured again: the limit of 1 for one day is reached.")
    world.stage.forward(86_400)
    world.click(CAPTURE_AGAIN)
    assert len(log(world)) == 2


def test_a_system_that_is_gone_is_not_captured(make, fleet):
    world = make()
    fleet.found = [Instance(SYSTEM, "us-east-1", state="terminated")]
    world.click(CAPTURE_AGAIN)
    assert answer(world) == f"Nothing is captured again: {SYSTEM} does not exist any more, as EC2 says."
    assert (started(world), log(world)) == ([], [])


def test_where_ec2_does_not_answer_the_platform_decides(make, fleet):
    world = make()
    fleet.error = "EC2 did not answer"
    world.click(CAPTURE_AGAIN)
    assert len(started(world)) == 1


def test_what_is_not_configured_is_not_captured(make):
    world = make()
    case = world.stage.runtime.ledger.cases
    (row,) = world.stage.runtime.queries.cases.list(CaseFilter(), limit=5).rows
    key = row.key
    case.change(key, lambda known: known and replace(known, system=replace(WEB, account="old")))
    world.click(CAPTURE_AGAIN)
    assert "the configuration has no account old any more" in answer(world)


def test_of_containers_the_one_that_was_captured_last_is_captured(make):
    """The case is about all pods of a Deployment."""
    world = make()
    runtime = world.stage.runtime
    account = {"prod": {"id": "111122223333", "cado_account": "prod"}}
    given = runtime.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
    runtime.config = type(runtime.config).model_validate({**given, "accounts": account})
    world.stage.work = world.stage.worker()
    pods = [
        System.of(
            Kind.EKS,
            account="prod",
            region="us-east-1",
            cluster="shop",
            namespace="web",
            pod=f"web-7c9f8d5b4-{end}",
            container="app",
        )
        for end in ("x2k4b", "z9q7w")
    ]
    (row,) = runtime.queries.cases.list(CaseFilter(), limit=5).rows
    runtime.ledger.cases.change(row.key, lambda known: known and replace(known, system=pods[0].as_lasting))
    world.click(CAPTURE_AGAIN)
    assert "nobody knows which container it was" in answer(world)
    for number, pod in enumerate(pods):
        facts = Instance(pod.instance, pod.region, image="shop/app:1")
        captured_at = world.stage.moment + timedelta(seconds=number)
        capture = Capture("weekly@2026-11-22T02:00:00Z", pod, mode="triage", facts=facts)
        runtime.ledger.captures.update(
            runtime.ledger.captures.plan(capture),
            state=CaptureState.PROCESSED,
            requested_at=captured_at,
            ended_at=captured_at,
        )
    world.click(CAPTURE_AGAIN)
    ((_, capture),) = started(world)
    assert (capture.system, capture.mode) == (pods[1], "triage")
    assert capture.facts == facts
    assert answer(world).startswith(
        "container app in pod web-7c9f8d5b4-z9q7w of web will be captured again, by"
    )


def test_where_it_is_switched_off_nothing_is_captured(make):
    world = make(enabled=False)
    world.click(CAPTURE_AGAIN)  # of a message that was sent before
    assert answer(world) == "Nothing is captured again: the configuration does not allow it."
    world.alarm()
    assert started(world) == []


def test_only_users_in_may_acknowledge_can_have_it_captured(make):
    world = make(listed=["U012AB3CD"])
    world.click(CAPTURE_AGAIN, user="U0EVE0000", name="eve")
    assert answer(world).startswith("You may not capture again the system of “")
    (entry,) = log(world)
    assert entry.after == {"refused": "not in may_acknowledge of ir"}
    assert started(world) == []
