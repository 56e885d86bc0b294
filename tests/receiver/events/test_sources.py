"""Sources that hang, fail or stay silent: what they cost an alarm, and which gaps they leave."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from receiver.events.enrich import Enricher
from shared.hosting.log import sentence
from shared.models.alarms import Gap
from shared.models.evidence import Project
from shared.models.inventory import InstanceError
from shared.platform.errors import Unauthorized, Unavailable
from tests.receiver.events.stubs import (
    EVENT,
    EVIDENCE,
    HUNT,
    PROJECT,
    SYSTEM,
    Ec2,
    Platform,
    config,
    enriched,
    raising,
    whole,
)

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Stuck:
    """Hangs until it is freed."""

    freed: threading.Event = field(default_factory=threading.Event)
    calls: int = 0

    def __call__(self, *_: object) -> Any:
        self.calls += 1
        self.freed.wait(60)
        raise Unavailable("too late")


@pytest.fixture
def stuck():
    call = Stuck()
    yield call
    call.freed.set()


def test_a_platform_that_hangs_costs_its_own_part_only(ledger, stuck):
    alarm = enriched(EVENT, ledger, Platform(findings=stuck), Ec2(), budget=0.5)
    assert replace(alarm, gaps=()) == replace(whole(ledger), findings=())
    [gap] = alarm.gaps
    assert gap.what == "Top alarms"
    assert gap.why.startswith("the platform did not answer within 0.")


def test_ec2_that_hangs(ledger, stuck):
    alarm = enriched(EVENT, ledger, Platform(), Ec2(stuck), budget=0.5)
    assert replace(alarm, gaps=()) == replace(whole(ledger), instance=None)
    [gap] = alarm.gaps
    assert gap.what == "Instance details"
    assert gap.why.startswith("EC2 in us-east-1 did not answer within 0.")


def test_everything_hangs_and_the_budget_holds(ledger, stuck):
    started = time.monotonic()
    alarm = enriched(EVENT, ledger, Platform(stuck, stuck, stuck), Ec2(stuck), budget=0.2)
    assert time.monotonic() - started < 2
    assert [gap.what for gap in alarm.gaps] == [
        "Evidence, project, top alarms",
        "Capture",
        "Instance details",
    ]


def test_each_source_is_given_its_own_time(stuck):
    """The clock jumps past the time limits, so the test does not really wait."""
    now = itertools.count(0, 20).__next__
    event = replace(EVENT, system=SYSTEM, hunt_id=HUNT.id)
    hung = Platform(stuck, stuck, stuck)
    assert Enricher(None, hung, Ec2(stuck), config(), now, budget=1000).enrich(event).gaps == (
        Gap("Evidence, project, top alarms", "the platform did not answer within 5 s"),
        Gap("Instance details", "EC2 in us-east-1 did not answer within 4 s"),
    )


def test_requests_that_hang_do_not_pile_up(stuck):
    moment = [0.0]
    settings = config(targets=(SYSTEM,))
    enricher = Enricher(None, Platform(), Ec2(stuck), settings, lambda: moment[0], budget=0.05)
    before = threading.active_count()
    for _ in range(40):
        moment[0] += 20  # long enough that a silent source is asked again
        alarm = enricher.enrich(EVENT)
    assert alarm.gaps == (Gap("Instance details", "EC2 in us-east-1 is still busy with earlier requests"),)
    assert stuck.calls == 32
    assert threading.active_count() - before <= 32 + 4


def test_more_questions_than_may_be_asked_at_once_wait_for_their_turn():
    under_way, most = [], []

    def answer(number: int) -> Any:
        under_way.append(number)
        most.append(len(under_way))
        time.sleep(0.005)
        under_way.pop()
        return EVIDENCE

    enricher = Enricher(None, Platform(evidence=answer), Ec2(), config(targets=(SYSTEM,)))
    enricher._ask._to_platform._limit = 4
    with ThreadPoolExecutor(16) as alarms:
        found = list(alarms.map(enricher.enrich, [EVENT] * 64))
    assert [alarm.evidence for alarm in found] == [EVIDENCE] * 64
    assert max(most) <= 4


def test_a_machine_that_has_no_more_threads(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
    assert enriched(EVENT, None, Platform(), Ec2()).gaps[0] == Gap(
        "Evidence, project, top alarms", "the platform is still busy with earlier requests"
    )


def test_threads_are_used_again():
    enricher = Enricher(None, Platform(), Ec2(), config(targets=(SYSTEM,)))
    enricher.enrich(EVENT)
    before = threading.active_count()
    for _ in range(50):
        enricher.enrich(EVENT)
    assert threading.active_count() - before <= 4


def test_a_hung_source_does_not_keep_the_process_alive():
    program = f"""
import threading
from datetime import datetime
from receiver.events.enrich import Enricher
from shared.config.config import Config
from shared.models.events import Event
from shared.models.systems import System
class Ec2:
    def describe(self, *_):
        threading.Event().wait()
config = Config.model_validate({config().model_dump(mode="json", by_alias=True)!r})
event = Event("e1", "capture_failed", datetime.now(), system=System("i-1", "us-east-1"), hunt_id="h@t")
print(Enricher(None, None, Ec2(), config, budget=0.1).enrich(event).gaps[0].why)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "EC2 in us-east-1 did not answer within 0.1 s\n"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (Unauthorized("the API key was refused"), "the API key was refused"),
        (InstanceError("no AWS credentials on this machine"), "no AWS credentials on this machine"),
    ],
)
def test_an_expected_failure_is_a_gap_with_its_own_text(ledger, caplog, error, why):
    assert enriched(EVENT, ledger, Platform(), Ec2(raising(error))) == replace(
        whole(ledger), instance=None, gaps=(Gap("Instance details", why),)
    )
    assert caplog.records == []


def test_a_surprise_is_a_gap_and_is_logged_with_its_traceback(ledger, caplog):
    alarm = enriched(EVENT, ledger, Platform(project=raising(ZeroDivisionError("boom"))), Ec2())
    assert alarm == replace(
        whole(ledger),
        project=None,
        gaps=(Gap("Project", "asking the platform failed unexpectedly (ZeroDivisionError)"),),
    )
    assert [(record.levelname, sentence(record, clean=str)) for record in caplog.records] == [
        ("ERROR", 'asking failed unexpectedly asked=Project source="the platform"')
    ]
    assert "ZeroDivisionError: boom" in caplog.text


def test_a_platform_that_cannot_be_reached_is_not_asked_again_for_a_second():
    moment = [0.0]
    calls = []

    def refuse(*_: object) -> Any:
        calls.append(moment[0])
        raise Unavailable("The platform cannot be reached: no connection.", unreachable=True)

    platform = Platform(refuse, refuse, refuse)
    enricher = Enricher(None, platform, Ec2(), config(targets=(SYSTEM,)), lambda: moment[0])
    first = enricher.enrich(EVENT)
    assert first.gaps[0] == Gap(
        "Evidence, project, top alarms", "The platform cannot be reached: no connection."
    )
    moment[0] = 0.9
    assert enricher.enrich(EVENT) == first
    assert calls == [0.0] * 3
    moment[0] = 1.1
    assert enricher.enrich(EVENT) == first
    assert calls == [0.0] * 3 + [1.1] * 3


def test_alarms_of_one_project_that_come_together_ask_for_it_once():
    calls = []

    def answer(number: int) -> Project:
        calls.append(number)
        return PROJECT

    enricher = Enricher(None, Platform(answer), Ec2(), config(targets=(SYSTEM,)))
    projects = [enricher.enrich(EVENT).project for _ in range(3)]
    assert projects == [projects[0]] * 3
    assert len(calls) == 1
    enricher.enrich(replace(EVENT, evidence_id=None))  # its counts are those of the project
    assert len(calls) == 2


def test_a_source_that_stays_silent_is_left_alone_for_a_while_and_then_asked_again(stuck):
    moment = [0.0]
    settings = config(targets=(SYSTEM,))
    enricher = Enricher(None, Platform(), Ec2(stuck), settings, lambda: moment[0], budget=0.01)
    left_alone = (Gap("Instance details", "EC2 in us-east-1 has not answered lately and was not asked"),)
    for _ in range(6):
        assert enricher.enrich(EVENT).gaps != left_alone
    assert enricher.enrich(EVENT).gaps == left_alone
    assert stuck.calls == 6
    moment[0] = 16.0
    stuck.freed.set()
    assert "too late" in enricher.enrich(EVENT).gaps[0].why
    assert "too late" in enricher.enrich(EVENT).gaps[0].why  # an answer, even a refusal, ends the silence
    assert stuck.calls == 8
