"""A hunt of systems of many kinds on every side."""

from __future__ import annotations

from collections import Counter

import pytest

from demo.platform.records import Machine, SimInstance
from demo.platform.simulation import Platform
from demo.serving import serving
from scheduler.follow import follow
from scheduler.triggers import on_schedule
from scheduler.worker import captures_handler
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models.captures import CaptureState
from shared.models.systems import Kind
from shared.queues.worker import work
from shared.secrets import Secrets
from tests.scheduler.mixed import ACCOUNTS, azure, function, google, instance, pod, targets, task

KEY = "lead-analyst-key"
FEW: tuple[Machine, ...] = (
    instance(1),
    azure("web-1", tags={"Env": "prod"}),
    google("shop-1"),
    task("arn:aws:ecs:us-east-1:111122223333:task/prod/0123"),
    pod("web-7d4b9c6f5d-x2x4q", image="web:7"),
    function("billing"),
)
# So many that they are released several at a time.
MANY: tuple[Machine, ...] = tuple(SimInstance(f"i-{n:017x}", f"m{n}", "us-east-1") for n in range(1, 41))


@pytest.mark.parametrize("fleet", [FEW, MANY], ids=["of many kinds", "large"])
def test_a_hunt_asks_for_each_system_once_and_keeps_what_the_platform_said(side, fleet):
    platform = Platform(fleet, {KEY: "Lead Analyst"}, clock=side.clock, workers=100)
    with serving(platform.app) as url:
        config = Config.model_validate(
            {
                "platform": {"url": url, "api_key": "env:KEY"},
                "accounts": ACCOUNTS,
                "hunts": {"weekly": {"targets": targets(fleet)}},
            }
        )
        runtime = Runtime(
            config=config,
            store=side.store,
            captures=side.queue,
            events=side.other_queue,
            deliveries=side.other_queue,
            secrets=Secrets({"KEY": KEY}),
            now=side.now,
            sleep=lambda _: None,
        )
        hunt = on_schedule(runtime, "weekly", side.now())
        for _ in range(3):
            while work(runtime.captures, captures_handler(runtime), lease=60):
                pass
            platform.settle()
            follow(runtime)
            side.forward(side.unit)
        captures = runtime.ledger.captures.of_hunt(hunt.id)
    assert platform.asked == Counter(machine.instance_id for machine in fleet)
    # On some sides time is real, and the last look comes before the wait for a second stage is over.
    assert {capture.state for capture in captures} <= {CaptureState.PROCESSED, CaptureState.RUNNING}
    if fleet is FEW:
        facts = {capture.system.kind: capture.facts for capture in captures if capture.facts}
        assert facts[Kind.AZURE_VM].tags == {"Env": "prod"}
        assert facts[Kind.EKS].image == "web:7"
        assert len(facts) == 5
