"""Enriches events, and compares the whole alarms. The sources are stubs that answer, fail or hang."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from receiver.events.enrich import Enricher
from receiver.messages.compose import compose
from shared.config.config import Config
from shared.config.owners import OwnerConfig
from shared.hosting.log import sentence
from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.models.alarms import Alarm, Gap
from shared.models.captures import Capture, CaptureState
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import CaptureResult, Hunt, HuntReport
from shared.models.inventory import InstanceError
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.platform.errors import Unauthorized, Unavailable
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import StoreError

ROOT = Path(__file__).resolve().parents[3]
AT = datetime(2026, 7, 6, tzinfo=UTC)
URL = "https://cado.example"
INSTANCE, OTHER = "i-05938bed528eb12b9", "i-0431da0e46c5b9882"
SYSTEM = System(INSTANCE, "us-east-1", "prod")
HUNT = Hunt("weekly", AT)
EVENT = Event("e1", "processing_with_alarms", AT, title="T", project_id=12, evidence_id=31)
PROJECT = Project(12, "weekly_2026-07-06", malicious=70, suspicious=80)
EVIDENCE = Evidence(31, 12, "vol-1", instance=INSTANCE, account_id="111122223333", malicious=7, suspicious=8)
FINDINGS = (Finding("Malicious File Detected: x", 7, Severity.MALICIOUS, ("T1496",)),)
FACTS = Instance(INSTANCE, "us-east-1", name="web-1")


def raising(error: Exception) -> Callable[..., Any]:
    def call(*_: object) -> Any:
        raise error

    return call


@dataclass
class Platform:
    """Knows one project and one evidence; any of its answers can be replaced."""

    project: Callable[[int], Project] = lambda number: {12: PROJECT}[number]
    evidence: Callable[[int], Evidence] = lambda number: {31: EVIDENCE}[number]
    findings: Callable[..., tuple[Finding, ...]] = lambda project, evidence=None: {
        (12, 31): FINDINGS,
        (12, None): FINDINGS,
    }[project, evidence]


@dataclass
class Ec2:
    describe: Callable[[str, str, str], Instance] = lambda *asked: {(INSTANCE, "us-east-1", "prod"): FACTS}[
        asked
    ]


@pytest.fixture
def ledger(tmp_path):
    database = Database(tmp_path / "ledger.db")
    ledger = Ledger(SqliteStore(database), lambda: AT)
    ledger.hunts.open(HUNT)
    ledger.hunts.start(HUNT.id, 12)
    for system in (System(OTHER, "eu-west-1"), SYSTEM):
        ledger.captures.plan(Capture(HUNT.id, system))
    yield ledger
    database.close()


def config(link: str = "{url}", targets: tuple[System, ...] = ()) -> Config:
    hunt = {"targets": [vars(system) for system in targets]}
    return Config.model_validate(
        {
            "platform": {"url": URL, "api_key": "env:API_KEY", "link": link},
            "accounts": {"prod": {"id": "111122223333"}},
            "hunts": {"weekly": hunt} if targets else {},
            "destinations": {"soc": {"type": "slack", "webhook_url": "env:SLACK"}},
            "default": ["soc"],
        }
    )


def enriched(
    event: Event,
    ledger: Ledger | None = None,
    cado: Any = None,
    ec2: Any = None,
    settings: Config | None = None,
    budget: float = 10.0,
) -> Alarm:
    return Enricher(ledger, cado, ec2, settings or config(), budget=budget).enrich(event)


def whole(ledger: Ledger) -> Alarm:
    return Alarm(
        event=EVENT,
        severity=Severity.MALICIOUS,
        malicious=7,
        suspicious=8,
        hunt=ledger.hunts.get(HUNT.id),
        capture=ledger.captures.get(HUNT.id, SYSTEM),
        project=PROJECT,
        evidence=EVIDENCE,
        instance=FACTS,
        system=SYSTEM,
        findings=FINDINGS,
        link=URL,
    )


def test_everything_answers(ledger):
    assert enriched(EVENT, ledger, Platform(), Ec2()) == whole(ledger)
    settings = config(targets=(SYSTEM,))
    assert enriched(EVENT, ledger, Platform(), Ec2(), settings) == whole(ledger)


@pytest.mark.parametrize(
    ("tag", "key", "owner"),
    [
        ("Owner", "shop-team", Owner(slack="S0123456789")),
        ("Team", "shop-team", None),
        ("Owner", "shop", None),
        ("Owner", "Shop-Team", None),
    ],
)
def test_the_owner_is_the_configured_one_for_the_whole_value_of_the_tag(tag, key, owner):
    facts = replace(FACTS, tags={"Owner": "shop-team", "Team": "<@U0123456789>"})
    settings = config().model_copy(
        update={"owner_tag": tag, "owners": {key: OwnerConfig(slack="S0123456789")}}
    )
    event = replace(EVENT, instance=INSTANCE, system=SYSTEM)
    assert enriched(event, ec2=Ec2(lambda *asked: facts), settings=settings).owner == owner


def test_nothing_is_set_up():
    assert enriched(EVENT) == Alarm(
        event=EVENT,
        severity=Severity.UNKNOWN,
        gaps=(
            Gap("Evidence, project", "the platform is not set up"),
            Gap("Instance details", "without the evidence it is not known which instance this is about"),
        ),
        link=URL,
    )


def test_the_platform_is_down_and_the_ledger_knows_the_evidence(ledger):
    ledger.captures.update(Capture(HUNT.id, SYSTEM), evidence_ids=(31,))
    down = raising(Unavailable("the platform does not answer"))
    alarm = enriched(replace(EVENT, malicious=5), ledger, Platform(down, down, down), Ec2())
    assert alarm == replace(
        whole(ledger),
        event=replace(EVENT, malicious=5),
        malicious=5,
        suspicious=None,
        project=None,
        evidence=None,
        findings=(),
        gaps=(Gap("Evidence, project, top alarms", "the platform does not answer"),),
    )


def test_the_ledger_is_down_and_the_config_names_the_instance(ledger):
    expected = replace(whole(ledger), hunt=None, capture=None, gaps=(Gap("Hunt", "the disk is full"),))

    class Hunts:
        of_project = staticmethod(raising(StoreError("the disk is full")))

    class Broken:
        hunts = Hunts()

    assert enriched(EVENT, Broken(), Platform(), Ec2(), config(targets=(SYSTEM,))) == expected  # type: ignore[arg-type]


def test_an_event_that_names_no_evidence():
    alarm = enriched(replace(EVENT, evidence_id=None), None, Platform(), Ec2())
    assert (alarm.project, alarm.findings) == (PROJECT, FINDINGS)
    assert alarm.gaps == (Gap("Instance details", "the event names no evidence, and so no instance"),)


def test_an_instance_of_no_hunt():
    alarm = enriched(EVENT, None, Platform(), Ec2())
    assert (alarm.system, alarm.instance, alarm.gaps) == (
        None,
        None,
        (Gap("Instance details", f"the region of {INSTANCE} is not known: it is not in any hunt"),),
    )


def test_an_evidence_that_is_of_no_instance():
    platform = Platform(evidence=lambda _: replace(EVIDENCE, instance=""))
    assert enriched(EVENT, None, platform, Ec2()).gaps == (
        Gap("Instance details", "the platform does not say which instance the evidence is from"),
    )


def test_an_instance_and_a_region_in_the_text():
    event = replace(EVENT, system=System(INSTANCE, "us-east-1"), instance=INSTANCE)
    alarm = enriched(event, None, Platform(), Ec2())
    assert (alarm.system, alarm.instance, alarm.gaps) == (SYSTEM, FACTS, ())


def test_a_region_in_the_text_that_aws_does_not_have():
    event = Event("e1", "unknown", AT, system=System(INSTANCE, "xx-evil-1"), instance=INSTANCE)
    alarm = enriched(event, None, Platform(), Ec2())
    assert (alarm.system, alarm.instance) == (None, None)


def test_a_machine_that_has_no_more_threads(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
    assert enriched(EVENT, None, Platform(), Ec2()).gaps[0] == Gap(
        "Evidence, project, top alarms", "the platform is still busy with earlier requests"
    )


def test_the_evidence_names_the_project(ledger):
    event = replace(EVENT, project_id=None)
    assert enriched(event, ledger, Platform(), Ec2()) == whole(ledger)


def test_the_platforms_project_of_an_evidence_replaces_the_webhooks():
    other = Project(13, "another")
    platform = Platform(
        evidence=lambda _: replace(EVIDENCE, project_id=13),
        project=lambda number: {12: PROJECT, 13: other}[number],
        findings=lambda project, evidence=None: {(12, 31): (), (13, 31): FINDINGS}[project, evidence],
    )
    alarm = enriched(EVENT, None, platform, Ec2(), config(targets=(SYSTEM,)))
    assert (alarm.event.project_id, alarm.project, alarm.findings, alarm.malicious) == (
        13,
        other,
        FINDINGS,
        7,
    )
    assert (alarm.system, alarm.gaps, alarm.confirmed) == (SYSTEM, (), False)
    assert alarm.disagreements == (
        "The webhook names project 12; the platform says that evidence 31 is in project 13.",
    )
    assert compose(alarm).gaps == alarm.disagreements


def test_the_platforms_instance_of_an_evidence_replaces_the_webhooks():
    event = replace(EVENT, system=System(OTHER, "us-east-1"), instance=OTHER)
    alarm = enriched(event, None, Platform(), Ec2(), config(targets=(SYSTEM, System(OTHER, "eu-west-1"))))
    assert (alarm.system, alarm.instance, alarm.event.system, alarm.event.instance) == (
        SYSTEM,
        FACTS,
        None,
        "",
    )
    assert alarm.disagreements == (
        f"The webhook names {OTHER}; the platform says that evidence 31 is from {INSTANCE}.",
    )
    assert OTHER not in compose(alarm).title


def test_while_the_platform_is_down_the_ledger_goes_before_the_text(ledger):
    ledger.captures.update(Capture(HUNT.id, SYSTEM), evidence_ids=(31,))
    ledger.captures.update(Capture(HUNT.id, System(OTHER, "eu-west-1")), evidence_ids=(30,))
    down = raising(Unavailable("the platform does not answer"))
    event = replace(EVENT, instance=OTHER)
    settings = config(targets=(SYSTEM, System(OTHER, "eu-west-1")))
    alarm = enriched(event, ledger, Platform(down, down, down), Ec2(), settings)
    assert (alarm.system, alarm.confirmed) == (SYSTEM, False)


def test_no_project_at_all():
    event = Event("e1", "unknown", AT, text="hello")
    assert enriched(event, None, Platform(), Ec2()) == Alarm(
        event=event,
        severity=Severity.UNKNOWN,
        gaps=(Gap("Project", "the event names no project"),),
        link=URL,
    )


def test_an_audit_event_needs_no_project():
    event = Event("e1", "admin_login", AT, text="admin logged in")
    assert enriched(event, None, Platform(), Ec2()) == Alarm(event, Severity.INFO, link=URL)


def test_a_capture_that_failed(ledger):
    event = Event("e1", "capture_failed", AT, project_id=12, system=SYSTEM, hunt_id=HUNT.id)
    assert enriched(event, ledger, Platform(), Ec2()) == replace(
        whole(ledger),
        event=event,
        severity=Severity.UNKNOWN,
        malicious=None,
        suspicious=None,
        evidence=None,
        findings=(),
    )


def test_a_hunt_that_finished(ledger):
    captures = (
        CaptureResult(SYSTEM, CaptureState.PROCESSED, malicious=2, suspicious=1),
        CaptureResult(System(OTHER, "eu-west-1"), CaptureState.PROCESSED, malicious=1),
    )
    report = HuntReport("weekly", AT, 12, systems=2, captured=2, with_alarms=2, captures=captures)
    event = Event("e1", "hunt_finished", AT, project_id=12, hunt_id=HUNT.id, report=report)
    assert enriched(event, ledger, Platform(), Ec2()) == Alarm(
        event=event,
        severity=Severity.MALICIOUS,
        malicious=3,
        suspicious=1,
        hunt=ledger.hunts.get(HUNT.id),
        project=PROJECT,
        link=URL,
    )


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (EVENT, (7, 8)),
        (replace(EVENT, malicious=5), (7, 8)),
        (replace(EVENT, malicious=9999), (7, 8)),
        (replace(EVENT, malicious=0, suspicious=0), (7, 8)),
        (replace(EVENT, evidence_id=None), (70, 80)),
        (replace(EVENT, evidence_id=None, malicious=5, suspicious=0), (5, 80)),
        (replace(EVENT, evidence_id=None, malicious=71), (70, 80)),
        (replace(EVENT, evidence_id=None, kind="processing_finished"), (None, None)),
        (replace(EVENT, kind="processing_finished"), (7, 8)),
    ],
)
def test_which_counts_are_used(event, counts):
    alarm = enriched(event, None, Platform(), None)
    assert (alarm.malicious, alarm.suspicious) == counts


@pytest.mark.parametrize(
    ("said", "disagreement"),
    [
        ({"malicious": 7, "suspicious": 8}, ()),
        ({"malicious": 0}, ("The webhook counts 0 malicious; the platform counts 7.",)),
        ({"suspicious": 9999}, ("The webhook counts 9,999 suspicious; the platform counts 8.",)),
        ({"malicious": 5, "evidence_id": None}, ()),
        (
            {"malicious": 71, "evidence_id": None},
            ("The webhook counts 71 malicious; the platform counts 70.",),
        ),
        ({"malicious": 5, "kind": "recovered"}, ()),
    ],
)
def test_a_disagreement_about_numbers_is_named(said, disagreement):
    alarm = enriched(replace(EVENT, **said), None, Platform(), None)
    assert alarm.disagreements == disagreement
    assert alarm.severity is Severity.MALICIOUS


@pytest.mark.parametrize(
    ("counted", "said", "told"),
    [
        ((None, None), (None, None), (7, None)),  # by the list of alarms
        ((None, 2), (9, 9), (7, 2)),
        ((0, 0), (None, None), (7, 0)),
    ],
)
def test_the_platforms_list_of_alarms_counts_as_well(counted, said, told):
    evidence = replace(EVIDENCE, malicious=counted[0], suspicious=counted[1])
    event = replace(EVENT, malicious=said[0], suspicious=said[1])
    alarm = enriched(event, None, Platform(evidence=lambda _: evidence), None)
    assert (alarm.malicious, alarm.suspicious, alarm.severity) == (*told, Severity.MALICIOUS)


def test_as_long_as_the_platform_has_counted_nothing_the_webhooks_number_is_used():
    evidence = replace(EVIDENCE, malicious=0, suspicious=0)
    platform = Platform(evidence=lambda _: evidence, findings=lambda *_: ())
    alarm = enriched(replace(EVENT, malicious=5), None, platform, None)
    assert (alarm.malicious, alarm.suspicious, alarm.severity) == (5, 0, Severity.MALICIOUS)
    assert alarm.disagreements == ("The webhook counts 5 malicious; the platform counts 0.",)


@pytest.mark.parametrize(
    ("template", "event", "link"),
    [
        ("{url}", EVENT, URL),
        ("{url}/projects/{project_id}", EVENT, f"{URL}/projects/12"),
        ("{url}/p/{project_id}/e/{evidence_id}", EVENT, f"{URL}/p/12/e/31"),
        ("{url}/p/{project_id}/e/{evidence_id}", replace(EVENT, evidence_id=None), URL),
    ],
)
def test_the_link_stays_on_the_platform(template, event, link):
    assert enriched(event, settings=config(template)).link == link


# Time


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


def test_everything_hangs_and_the_budget_holds(stuck):
    class Part:
        get = of_project = of_hunt = stuck

    class Hung:
        hunts = captures = Part()

    started = time.monotonic()
    alarm = enriched(EVENT, Hung(), Platform(stuck, stuck, stuck), Ec2(stuck), budget=0.2)  # type: ignore[arg-type]
    assert time.monotonic() - started < 2
    assert [gap.what for gap in alarm.gaps] == ["Evidence, project, top alarms", "Hunt", "Instance details"]


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


# Failures


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
