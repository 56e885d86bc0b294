"""Detections of security products: what their webhooks become as messages, and how they are routed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from receiver.events.enrich import Enricher
from receiver.events.parse.webhook import parse
from receiver.events.route import route
from receiver.messages.compose import compose
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.events import Detection
from shared.models.severity import Severity

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
MACHINE = "i-0431da0e46c5b9882"
ARN = f"arn:aws:ec2:eu-west-1:111122223333:instance/{MACHINE}"
BACKDOOR = "Backdoor:EC2/C&CActivity.B!DNS"
CONFIG = Config.model_validate(
    {
        "platform": {"url": "https://cado.example", "api_key": "env:X"},
        "destinations": {
            name: {"type": "slack", "webhook_url": f"env:{name.upper()}"} for name in ("bad", "odd", "rest")
        },
        "routes": [
            {"match": {"severity": "malicious"}, "to": "bad"},
            {"match": {"severity": "suspicious"}, "to": "odd"},
        ],
        "default": ["rest"],
    }
)
GUARDDUTY = {
    "schemaVersion": "2.0",
    "accountId": "111122223333",
    "region": "us-east-1",
    "id": "5ab1c2",
    "type": BACKDOOR,
    "resource": {
        "resourceType": "Instance",
        "instanceDetails": {
            "instanceId": MACHINE,
            "tags": [{"key": "Name", "value": "i-0fedcba9876543210"}],
            "iamInstanceProfile": {"id": "AIPA"},
        },
    },
    "severity": 8,
    "title": f"EC2 instance {MACHINE} is querying a domain name.",
}
SECURITY_HUB = {
    "Findings": [
        {
            "Id": "arn:aws:securityhub:eu-west-1:111122223333:subscription/x/finding/1",
            "Title": "Instance talks to a known server",
            "Types": ["TTPs/Command and Control"],
            "Severity": {"Label": "CRITICAL", "Normalized": 90, "Product": 9},
            "Resources": [{"Type": "AwsEc2Instance", "Id": ARN, "Region": "eu-west-1"}],
        }
    ]
}


ODD_SEVERITIES: tuple[Any, ...] = ("unheard of", "", None, True, -1, 101, "9" * 5_000, [], {})


def told(message: Any, **more: Any) -> Alarm:
    body = {"event": "detection_created", "title": "DETECTION CREATED", "message": message} | more
    event = parse(json.dumps(body).encode(), id="e1", received_at=AT)
    return Enricher(None, None, None, CONFIG).enrich(event)


def detection_of(alarm: Alarm) -> Detection:
    assert alarm.event.detection
    return alarm.event.detection


@pytest.mark.parametrize("form", [json.dumps, repr, lambda tree: tree], ids=["JSON", "Python", "as it is"])
@pytest.mark.parametrize(
    ("finding", "name", "said", "region"),
    [
        (GUARDDUTY, BACKDOOR, "8", "us-east-1"),
        ({"detail-type": "GuardDuty Finding", "detail": GUARDDUTY}, BACKDOOR, "8", "us-east-1"),
        (SECURITY_HUB, "Instance talks to a known server", "critical", "eu-west-1"),
        (
            {
                "issue": {"id": "wiz-1", "severity": "CRITICAL"},
                "control": {"name": "Miner on a host"},
                "resource": {"id": MACHINE, "name": "web", "cloudPlatform": "AWS"},
            },
            "Miner on a host",
            "critical",
            "",
        ),
        (
            {"AlertDisplayName": "Web shell", "Severity": "High", "ResourceId": ARN},
            "Web shell",
            "high",
            "eu-west-1",
        ),
        (
            {"name": "Ransomware", "severity_name": "High", "severity": 10, "instance_id": MACHINE},
            "Ransomware",
            "high",
            "",
        ),
    ],
)
def test_a_finding_is_told_with_its_name_its_severity_and_its_resource(form, finding, name, said, region):
    alarm = told(form(finding))
    message = compose(alarm, CONFIG)
    assert alarm.severity is Severity.MALICIOUS
    assert route(alarm, CONFIG) == ["bad"]
    assert message.severity is Severity.MALICIOUS
    assert message.title.startswith(f"New detection: {name} (severity {said}) on {MACHINE}")
    assert (alarm.event.instance, alarm.event.system.region if alarm.event.system else "") == (
        MACHINE,
        region,
    )
    shown = {fact.label: fact.value for fact in message.facts}
    assert (shown["Detection"], shown["Severity"]) == (name, said)
    assert MACHINE in shown["Resource"]


@pytest.mark.parametrize(
    ("severity", "expected", "to"),
    [
        *((word, "malicious", "bad") for word in ("critical", "CRITICAL", "High", "HIGH (8.9)", "severe")),
        *((word, "suspicious", "odd") for word in ("medium", "Moderate", "SUSPICIOUS")),
        *((word, "info", "rest") for word in ("low", "Informational", "INFO")),
        *((number, "malicious", "bad") for number in (7, 8.5, "9.0", 10, 70, 100)),
        *((number, "suspicious", "odd") for number in (4, "6.9", 5.0, 40, 69)),
        *((number, "info", "rest") for number in (1, "3.9", 0, 11, 39)),
        *((word, "unknown", "rest") for word in ODD_SEVERITIES),
    ],
)
def test_severities(severity, expected, to):
    alarm = told(json.dumps({"id": 41, "name": "X", "severity": severity}))
    assert (alarm.severity.value, route(alarm, CONFIG)) == (expected, [to])


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ({"Label": "LOW", "Normalized": 90, "Product": 9}, "info"),  # a word goes before a number
        ({"Product": 8.0, "Normalized": 30}, "malicious"),
        ({"Normalized": 8}, "info"),
        ({"Normalized": 45}, "suspicious"),
        ({"Original": "7.5"}, "malicious"),
    ],
)
def test_severities_of_security_hub(severity, expected):
    assert told({"Findings": [{"Title": "X", "Severity": severity}]}).severity.value == expected


def test_the_worst_of_several_findings_counts():
    findings = [{"name": "A", "severity": "low"}, {"name": "B", "severity": "high"}]
    assert told(json.dumps({"findings": findings})).severity is Severity.MALICIOUS


@pytest.mark.parametrize(
    "text",
    [
        f"*{BACKDOOR}*\n* Severity: High\n* Source: GuardDuty\n* Resource: {MACHINE}",
        f"**{BACKDOOR}**\n- **Severity**: High\n- **Resource**: `{MACHINE}`",
    ],
)
def test_a_finding_in_lines_of_text(text):
    alarm = told(text, event="detection_updated", title="DETECTION UPDATED")
    assert alarm.severity is Severity.MALICIOUS
    assert compose(alarm).title == f"Detection changed: {BACKDOOR} (severity high) on {MACHINE}"


def test_a_name_or_a_severity_of_something_else_is_not_the_findings():
    body = {"resource": {"name": "web-1", "tags": {"severity": "low"}}, "user": {"name": "x"}, "id": 3}
    alarm = told(json.dumps(body | {"name": "Miner", "severity": "high"}))
    assert (detection_of(alarm).name, alarm.severity) == ("Miner", Severity.MALICIOUS)


def test_a_finding_that_no_key_calls_a_detection_is_one():
    body = json.dumps({"version": "0", "source": "aws.guardduty", "detail": GUARDDUTY})
    event = parse(body.encode(), id="e1", received_at=AT)
    assert (event.kind, event.instance) == ("detection_created", MACHINE)


@pytest.mark.parametrize(
    ("severity", "expected"),
    [(1, "malicious"), (3, "suspicious"), (8, "unknown"), ("high", "malicious"), ("low", "unknown")],
)
def test_in_a_list_of_the_platforms_own_alarms_its_own_numbers_count(severity, expected):
    body = {"project_id": 3, "alarms": [{"description": "Miner", "severity": severity}]}
    alarm = told(json.dumps(body), event="processing_with_alarms", title="PROCESSING WITH ALARMS")
    assert (alarm.event.kind, alarm.severity.value) == ("processing_with_alarms", expected)


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        *(({"severity": word}, "malicious") for word in ("Very High", "very-high", "VeryHigh", "urgent")),
        *(({"severity": word}, "malicious") for word in ("SEVERITY_HIGH", "5 - Critical", "important")),
        *(({"severity": {key: "High"}}, "malicious") for key in ("value", "name", "level", "rating")),
        *(({key: "High"}, "malicious") for key in ("sev", "priority", "threat_level", "risk", "riskRating")),
        ({"max_severity": 80, "max_severity_displayname": "High"}, "malicious"),
        ({"severity_id": 5}, "malicious"),
        ({"severity_id": 3}, "suspicious"),
        ({"severity_id": 1}, "info"),
        ({"priority": 1}, "unknown"),
        ({"severity": "not rated"}, "unknown"),
        ({"low_severity": 9}, "unknown"),
        ({"severity": "low", "tags": {"priority": "high"}}, "info"),
    ],
)
def test_severities_in_the_words_of_other_products(finding, expected):
    assert told(finding | {"name": "X"}).severity.value == expected
    assert told(json.dumps(finding | {"name": "X"})).severity.value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"A High severity detection was made on {MACHINE}", "malicious"),
        (f"New detection: Miner, Severity: critical, resource: {MACHINE}", "malicious"),
        (f"GuardDuty found a miner of very high severity on {MACHINE}", "malicious"),
        (f"The severity is High. Resource: {MACHINE}", "malicious"),
        (f"*Severity:*\nHigh\n*Resource:*\n{MACHINE}", "malicious"),
        (f"Severity - Medium on {MACHINE}", "suspicious"),
        (f"On {MACHINE} a file was found: /tmp/high severity", "unknown"),
        (f"On {MACHINE} a file was found: “high severity”", "unknown"),
    ],
)
def test_a_severity_in_a_sentence(text, expected):
    alarm = told(text)
    assert (alarm.severity.value, alarm.event.instance) == (expected, MACHINE)


def test_labels_and_values_of_a_card():
    facts = [{"title": "Severity", "value": "High"}, {"title": "Resource", "value": MACHINE}]
    alarm = told(None, title=None, body=[{"type": "FactSet", "facts": facts}])
    assert (alarm.severity, alarm.event.instance) == (Severity.MALICIOUS, MACHINE)
    assert alarm.event.text == f"Severity: High\nResource: {MACHINE}"
    assert alarm.event.title == ""


def test_the_name_of_a_detection_of_defender_and_of_crowdstrike():
    defender = {"properties": {"alertDisplayName": "Web shell", "severity": "High"}}
    falcon = {"detection": {"display_name": "Malware", "severity_name": "High", "device": {"name": "web"}}}
    assert detection_of(told(defender)).name == "Web shell"
    assert detection_of(told(falcon)).name == "Malware"


@pytest.mark.parametrize("text", ["It is of low severity.", "Severity: low"])
def test_a_text_lowers_no_severity_that_a_field_has(text):
    alarm = told(text, detection={"name": "Miner", "severity": 8})
    assert alarm.severity is Severity.MALICIOUS


@pytest.mark.parametrize(
    "body",
    [
        {"resources": [ARN]},
        {"affected_resources": [{"arn": ARN, "tag": "i-0fedcba9876543210"}]},
        {"entity": ARN, "source": "seen from i-0fedcba9876543210"},
        {"device": {"external_id": MACHINE, "hostname": "i-0fedcba9876543210"}, "region": "eu-west-1"},
    ],
)
def test_a_machine_under_a_key_of_another_product(body):
    event = told(json.dumps(body | {"name": "X", "severity": "high"})).event
    assert (event.instance, event.system and event.system.region) == (MACHINE, "eu-west-1")
