"""Enriches events, and compares the whole alarms. The sources are stubs that answer or fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.messages.compose import compose
from shared.config.owners import OwnerConfig
from shared.models.alarms import Alarm, Gap
from shared.models.captures import Capture, CaptureState
from shared.models.events import Event
from shared.models.evidence import Project
from shared.models.hunts import CaptureResult, HuntReport
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.models.systems import System
from shared.platform.errors import Unavailable
from shared.storage.ports import StoreError
from tests.receiver.events.stubs import (
    AT,
    EVENT,
    EVIDENCE,
    FACTS,
    FINDINGS,
    HUNT,
    INSTANCE,
    OTHER,
    PROJECT,
    SYSTEM,
    URL,
    Ec2,
    Platform,
    config,
    enriched,
    raising,
    whole,
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


def test_the_ledger_is_down_and_the_config_names_the_instance(ledger, monkeypatch):
    expected = replace(whole(ledger), hunt=None, capture=None, gaps=(Gap("Hunt", "the disk is full"),))
    monkeypatch.setattr(ledger.hunts, "of_project", raising(StoreError("the disk is full")))
    assert enriched(EVENT, ledger, Platform(), Ec2(), config(targets=(SYSTEM,))) == expected


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
