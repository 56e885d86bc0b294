"""What lists show of an event is what its message says."""

from __future__ import annotations

from datetime import UTC, datetime

from receiver.messages.compose import compose
from receiver.messages.event_facts import event_facts
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.events import Event, EventFacts
from shared.models.evidence import Finding, Project
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import Instance, System

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
WEB = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
CONFIG = Config.model_validate({"platform": {"url": "https://cado.example", "api_key": "env:KEY"}})


def test_the_facts_of_an_alarm():
    alarm = Alarm(
        Event("e1", "processing_with_alarms", AT, project_id=12, malicious=9),
        Severity.MALICIOUS,
        malicious=7,
        suspicious=1,
        hunt=Hunt("weekly", AT),
        project=Project(3, "weekly"),
        instance=Instance(WEB.instance, WEB.region, name="web-01"),
        system=WEB,
        findings=(
            Finding("Miner", 5, Severity.MALICIOUS, ("T1496", "T1496", "<script>")),
            Finding("Cron", 2, Severity.MALICIOUS, ("T1053.003", "T1496")),
        ),
    )
    assert event_facts(alarm, CONFIG) == EventFacts(
        title=compose(alarm, CONFIG).title,
        system=WEB.key,
        name="web-01",
        hunt_id="weekly@2026-11-24T03:00:00Z",
        project_id=3,
        malicious=7,
        suspicious=1,
        techniques={"T1496": 7, "T1053.003": 2},
    )


def test_the_facts_of_an_event_about_nothing():
    facts = event_facts(Alarm(Event("e1", "unknown", AT), Severity.UNKNOWN), CONFIG)
    assert (facts.system, facts.hunt_id, facts.project_id, facts.techniques) == ("", "", None, {})
    assert facts.title


def test_the_number_of_techniques_is_bounded():
    findings = (Finding(f"x{n}", n, Severity.MALICIOUS, (f"T{1000 + n}",)) for n in range(1, 200))
    alarm = Alarm(Event("e1", "recovered", AT), Severity.MALICIOUS, findings=tuple(findings))
    techniques = event_facts(alarm, CONFIG).techniques
    assert len(techniques) == 50
    assert techniques["T1199"] == 199
