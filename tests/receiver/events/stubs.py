"""Stubs of the sources that alarms are enriched from, and the alarm that they make of an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from receiver.events.enrich import Enricher
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.platform.answers import DetectedIndicator, Pipeline
from shared.storage.ledger.ledger import Ledger

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
    pipelines_of_evidence: Callable[[int], tuple[Pipeline, ...]] = lambda evidence: ()
    detected: Callable[..., tuple[DetectedIndicator, ...]] = lambda project, evidence=None: ()


@dataclass
class Ec2:
    answer: Callable[[str, str, str], Instance] = lambda *asked: {(INSTANCE, "us-east-1", "prod"): FACTS}[
        asked
    ]

    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        return self.answer(instance, region, account)


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
    cado: Platform | None = None,
    ec2: Ec2 | None = None,
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
