"""What a message says: the title answers what, where and how severe, and nothing hostile survives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from receiver.messages.compose import MAX_GAPS, compose
from receiver.messages.message import MAX_SUMMARY, MAX_TITLE, Fact, Link, Message
from shared.models.alarms import Alarm, Gap
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED, UNKNOWN_EVENT
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from tests.receiver.messages.examples import NIGHT, NOON, WEB, WEB_INSTANCE, alarm


def test_a_rich_alarm_whole() -> None:
    message = compose(
        Alarm(
            Event("e1", "processing_with_alarms", NOON, project_id=12, evidence_id=31),
            Severity.MALICIOUS,
            malicious=7,
            suspicious=8,
            hunt=Hunt("weekly", NIGHT),
            project=Project(12, "weekly 2026-11-22"),
            evidence=Evidence(31, 12, "disk.dd.gz", hostname="EC2AMAZ", os="Linux", size_mb=30_720),
            instance=replace(
                WEB_INSTANCE, type="m5.large", state="running", tags={"owner": "Zoë", "Env": "prod"}
            ),
            system=WEB,
            findings=(
                Finding("User accessing sudo", 9, Severity.SUSPICIOUS, ("TA0004", "no id")),
                Finding("Malicious File Detected: xmrig", 3, Severity.MALICIOUS, ("T1496",), "/tmp/x.sh"),
            ),
            gaps=(Gap("Security groups", "access denied by EC2"),),
            link="https://cado.example/projects/12",
        ),
        maybe_repeat=True,
    )
    assert message == Message(
        id="e1",
        kind="processing_with_alarms",
        severity=Severity.MALICIOUS,
        title="7 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)",
        summary="Worst: Malicious File Detected: xmrig (3 times) at /tmp/x.sh",
        facts=(
            Fact("Owner", "Zoë"),
            Fact("Account", "prod (111122223333)"),
            Fact("Region", "us-east-1"),
            Fact("Tags", "Env=prod"),
            Fact("Host", "web-01 (EC2AMAZ)"),
            Fact("Instance", "i-0123456789abcdef0", code=True),
            Fact("Type", "m5.large"),
            Fact("State", "running"),
            Fact("Hunt", "weekly, scheduled for 2026-11-22 02:00 UTC"),
            Fact("Project", "weekly 2026-11-22 (id 12)"),
            Fact("Evidence", "disk.dd.gz (id 31), 30 GB, Linux"),
            Fact("Received", "2026-11-22 12:00 UTC"),
        ),
        findings=(
            Finding("Malicious File Detected: xmrig", 3, Severity.MALICIOUS, ("T1496",), "/tmp/x.sh"),
            Finding("User accessing sudo", 9, Severity.SUSPICIOUS, ("TA0004",)),
        ),
        findings_total=2,
        gaps=("Security groups: access denied by EC2",),
        links=(
            Link("platform", "Open in the platform", "https://cado.example/projects/12"),
            Link(
                "console",
                "Open in the EC2 console",
                "https://us-east-1.console.aws.amazon.com/ec2/home?region=us-east-1"
                "#InstanceDetails:instanceId=i-0123456789abcdef0",
            ),
        ),
        labels=("huntbridge", "malicious", "processing_with_alarms", "weekly", "i-0123456789abcdef0"),
        case_key="project/12/prod/us-east-1/i-0123456789abcdef0",
        maybe_repeat=True,
        malicious=7,
        suspicious=8,
    )


IDS: dict[str, Any] = {"project_id": 3, "evidence_id": 4}


@pytest.mark.parametrize(
    ("given", "title"),
    [
        (alarm("high_severity_alarm", malicious=5, **IDS), "5 high severity alarms in project 3, evidence 4"),
        (alarm("high_severity_alarm", malicious=1, project_id=3), "1 high severity alarm in project 3"),
        (alarm("high_severity_alarm", alarms=5), "5 high severity alarms"),
        (alarm("high_severity_alarm"), "High severity alarm"),
        (alarm("high_severity_alarm", malicious=0, suspicious=0), "High severity alarm"),
        (alarm("suspicious_severity_event", suspicious=34), "34 suspicious events"),
        (alarm("processing_with_alarms", alarms=5, project_id=12), "5 alarms in project 12"),
        (alarm("processing_with_alarms", project_id=12), "Alarms in project 12"),
        (alarm("processing_with_alarms", malicious=2, system=WEB), f"2 malicious on {WEB.instance} (prod)"),
        (
            alarm(
                "processing_with_alarms", suspicious=1, evidence=Evidence(4, 3, "d", hostname="DC1"), **IDS
            ),
            "1 suspicious on DC1 (project 3, evidence 4)",
        ),
        (alarm("recovered", malicious=2, system=WEB), f"2 malicious on {WEB.instance} (prod)"),
        (
            alarm("processing_finished", malicious=0, suspicious=0, **IDS),
            "Processing finished in project 3, evidence 4: no alarms",
        ),
        (alarm("processing_finished"), "Processing finished"),
        (
            alarm("processing_failed", instance=WEB_INSTANCE, system=WEB),
            "Processing failed on web-01 (prod, i-0123456789abcdef0)",
        ),
        (alarm(CAPTURE_FAILED, system=WEB), "Capture failed on i-0123456789abcdef0 (prod)"),
        (alarm("detection_created", project_id=17), "New detection in project 17"),
        (alarm("detection_group_updated"), "Group of detections changed"),
        (alarm("admin_login"), "An administrator signed in to the platform"),
        (alarm("audit_event_download"), "Audit event: something was downloaded"),
        (alarm("audit_event_frobnicate"), "Audit event: frobnicate"),
        (alarm("brand_new_kind", title="<!channel> NOW"), "Event: brand new kind"),
        (alarm(UNKNOWN_EVENT), "An event from the platform that could not be understood"),
        (alarm(UNKNOWN_EVENT, alarms=2, **IDS), "2 alarms in project 3, evidence 4"),
        (alarm(HUNT_FINISHED), "Hunt finished"),
    ],
)
def test_titles(given: Alarm, title: str) -> None:
    assert compose(given).title == title


def test_findings_are_worst_first_and_ten() -> None:
    findings = tuple(
        Finding(f"kind {n}", n, Severity.MALICIOUS if n % 2 else Severity.SUSPICIOUS) for n in range(1, 31)
    )
    message = compose(alarm("processing_with_alarms", findings=findings))
    assert [finding.count for finding in message.findings] == [29, 27, 25, 23, 21, 19, 17, 15, 13, 11]
    assert message.findings_total == 30


def test_hostile_text_is_bounded_and_inert_everywhere() -> None:
    nasty = "\u202e\x00<!channel>\n\n[x](https://evil.example/) " * 200
    message = compose(
        Alarm(
            Event(nasty, nasty, NOON, nasty, nasty, project_id=1, note=nasty),
            Severity.MALICIOUS,
            hunt=Hunt(nasty, NIGHT),
            project=Project(1, nasty),
            evidence=Evidence(1, 1, nasty, hostname=nasty, os=nasty, resource=nasty, account_id=nasty),
            instance=Instance(
                nasty, nasty, name=nasty, tags={nasty: nasty, "owner": nasty}, security_groups=(nasty,) * 9
            ),
            system=System(nasty, nasty, nasty),
            findings=(Finding(nasty, 1, Severity.MALICIOUS, (nasty,), nasty),),
            gaps=(Gap(nasty, nasty),) * 100,
        )
    )
    texts = [message.id, message.kind, message.title, message.summary, *message.gaps, *message.labels]
    texts += [fact.value for fact in message.facts] + [
        message.findings[0].description,
        message.findings[0].path,
    ]
    for text in texts:
        assert len(text) <= 1_100
        assert not {"\u202e", "\x00", "\n"} & set(text)
        assert "https://evil.example" not in text
    assert len(message.title) <= MAX_TITLE
    assert len(message.summary) <= MAX_SUMMARY
    assert len(message.gaps) == MAX_GAPS
    assert all(label == label.lower() and " " not in label and len(label) <= 255 for label in message.labels)
    assert message.findings[0].attack == ()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/etc/passwd", "/etc/passwd"),
        ("/" + "a" * 199, "/" + "a" * 199),
        ("/srv/" + "deep/" * 60 + "x.php", "/srv/" + "deep/" * 11 + "dee…" + "/deep" * 26 + "/x.php"),
        ("C:\\" + "deep\\" * 60 + "x.exe", "C:\\" + "deep\\" * 12 + "…" + "\\deep" * 26 + "\\x.exe"),
        ("/srv/" + "n" * 300, "/srv/" + "n" * 194 + "…"),
    ],
)
def test_a_long_path_keeps_the_name_of_the_file(path: str, said: str) -> None:
    findings = (Finding("x", 1, Severity.MALICIOUS, path=path),)
    (finding,) = compose(replace(alarm("processing_finished"), findings=findings)).findings
    assert (finding.path, len(finding.path) <= 200) == (said, True)
