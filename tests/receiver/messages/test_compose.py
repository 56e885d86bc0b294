"""What a message says: the title answers what, where and how bad, and nothing hostile survives."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from receiver.messages.compose import MAX_GAPS, compose
from receiver.messages.message import MAX_SUMMARY, MAX_TITLE, Fact, Link, Message
from receiver.messages.safe_text import MAX_QUOTE
from shared.models.alarms import Alarm, Gap
from shared.models.captures import Capture, CaptureState
from shared.models.event_kinds import CAPTURE_FAILED, HUNT_FINISHED, UNKNOWN_EVENT
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import CaptureResult, Hunt, HuntReport
from shared.models.severity import Severity
from shared.models.systems import Instance, System

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
WEB = System("i-0123456789abcdef0", "us-east-1", "prod")
WEB_INSTANCE = Instance(WEB.instance, WEB.region, name="web-01", account_id="111122223333")


EVENT = ("title", "text", "project_id", "evidence_id", "alarms", "report", "note")


def alarm(kind: str, severity: Severity = Severity.MALICIOUS, **more: object) -> Alarm:
    told = {name: more.pop(name) for name in EVENT if name in more}
    return Alarm(Event("e1", kind, NOON, **told), severity, **more)  # type: ignore[arg-type]


def test_a_rich_alarm_whole() -> None:
    found = compose(
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
    assert found == Message(
        id="e1",
        kind="processing_with_alarms",
        severity=Severity.MALICIOUS,
        title="7 malicious, 8 suspicious on web-01 (prod, i-0123456789abcdef0)",
        summary="Worst: Malicious File Detected: xmrig (3 times).",
        facts=(
            Fact("Host", "web-01 (EC2AMAZ)"),
            Fact("Instance", "i-0123456789abcdef0", code=True),
            Fact("Account", "prod (111122223333)"),
            Fact("Region", "us-east-1"),
            Fact("Type", "m5.large"),
            Fact("State", "running"),
            Fact("Owner", "Zoë"),
            Fact("Tags", "Env=prod"),
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


IDS = {"project_id": 3, "evidence_id": 4}


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


def test_capture_failed_quotes_the_reason() -> None:
    reason = "KMS key is disabled.\nSee the console."
    capture = Capture("weekly", WEB, CaptureState.FAILED, reason=reason)
    found = compose(alarm(CAPTURE_FAILED, system=WEB, capture=capture))
    assert (found.quote, found.summary) == (
        reason,
        "This system was not captured, so this hunt says nothing about it.",
    )


def test_an_unknown_event_shows_its_text_and_what_was_wrong() -> None:
    found = compose(
        alarm(
            UNKNOWN_EVENT,
            Severity.UNKNOWN,
            title="TEST",
            text="see https://evil.example/ \u202e" + "x" * 5_000,
            note="the body is not JSON",
        )
    )
    assert found.summary == "The body is not JSON. The text is shown as it came."
    assert found.quote.startswith("TEST\nsee hxxps://evil[.]example/ xxx")
    assert len(found.quote) == MAX_QUOTE


def test_what_was_wrong_with_a_known_event_is_a_note() -> None:
    note = "the body names more than one project: 3 was taken, not 4"
    assert compose(alarm("admin_login", note=note)).gaps == (f"The webhook: {note}",)


def hunt_report(**more: object) -> Alarm:
    report = HuntReport("weekly-crown-jewels", NIGHT, 12, **more)  # type: ignore[arg-type]
    return alarm(HUNT_FINISHED, report=report, project_id=12)


def test_hunt_finished_lists_systems_and_problems() -> None:
    captures = (
        CaptureResult(WEB, CaptureState.PROCESSED, 7, 8),
        CaptureResult(replace(WEB, account=""), CaptureState.FAILED, reason="It was terminated."),
        CaptureResult(WEB, CaptureState.PROCESSED),
    )
    found = compose(
        hunt_report(
            systems=13,
            captured=12,
            failed=1,
            with_alarms=5,
            captures=captures,
            problems=("SYSTEM7 is not JSON",),
        )
    )
    assert found == Message(
        id="e1",
        kind=HUNT_FINISHED,
        severity=Severity.MALICIOUS,
        title="Hunt weekly-crown-jewels finished: 12 captured, 1 failed, 5 with alarms",
        summary="13 systems, scheduled for 2026-11-22 02:00 UTC.",
        facts=(
            Fact("Hunt", "weekly-crown-jewels"),
            Fact("Scheduled", "2026-11-22 02:00 UTC"),
            Fact("Project", "id 12"),
            Fact("Received", "2026-11-22 12:00 UTC"),
        ),
        lines=(
            "i-0123456789abcdef0 (prod, us-east-1): processed, 7 malicious, 8 suspicious",
            "i-0123456789abcdef0 (us-east-1): failed. It was terminated.",
            "i-0123456789abcdef0 (prod, us-east-1): processed, no alarms",
        ),
        lines_total=13,
        gaps=("Hunt definition: SYSTEM7 is not JSON",),
        labels=("huntbridge", "malicious", "hunt_finished", "weekly-crown-jewels"),
        case_key="project/12/evidence/e1",
    )


@pytest.mark.parametrize(
    ("numbers", "title"),
    [
        ({"systems": 2, "captured": 2}, "Hunt weekly-crown-jewels finished: 2 captured, no alarms"),
        (
            {"systems": 3, "captured": 1, "failed": 1},
            "Hunt weekly-crown-jewels finished: 1 captured, 1 failed, 1 unsettled, no alarms",
        ),
        (
            {"systems": 2, "reason": "The key was refused."},
            "Hunt weekly-crown-jewels failed: nothing was captured: The key was refused",
        ),
    ],
)
def test_hunt_finished_counts(numbers: dict[str, object], title: str) -> None:
    found = compose(hunt_report(**numbers))
    assert (found.title, found.quote) == (title, numbers.get("reason", ""))


def test_findings_are_worst_first_and_ten() -> None:
    findings = tuple(
        Finding(f"kind {n}", n, Severity.MALICIOUS if n % 2 else Severity.SUSPICIOUS) for n in range(1, 31)
    )
    found = compose(alarm("processing_with_alarms", findings=findings))
    assert [finding.count for finding in found.findings] == [29, 27, 25, 23, 21, 19, 17, 15, 13, 11]
    assert found.findings_total == 30


def test_the_events_own_words_only_where_they_are_a_sentence() -> None:
    sentence, structure = "Login of admin@acme.example from 10.0.0.1", "{'id': 41, 'name': 'x'}"
    said = compose(alarm("admin_login", text=sentence))
    shown = compose(alarm("detection_created", text=structure))
    assert (said.summary, said.quote) == (f"The platform says: “{sentence.replace('.', '[.]')}”", "")
    assert (shown.summary, shown.quote) == ("", structure)


def test_hostile_text_is_bounded_and_inert_everywhere() -> None:
    nasty = "\u202e\x00<!channel>\n\n[x](https://evil.example/) " * 200
    found = compose(
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
    texts = [found.id, found.kind, found.title, found.summary, *found.gaps, *found.labels]
    texts += [fact.value for fact in found.facts] + [found.findings[0].description, found.findings[0].path]
    for text in texts:
        assert len(text) <= 1_100
        assert not {"\u202e", "\x00", "\n"} & set(text)
        assert "https://evil.example" not in text
    assert len(found.title) <= MAX_TITLE
    assert len(found.summary) <= MAX_SUMMARY
    assert len(found.gaps) == MAX_GAPS
    assert all(label == label.lower() and " " not in label and len(label) <= 255 for label in found.labels)
    assert found.findings[0].attack == ()


@pytest.mark.parametrize(
    ("region", "instance", "host"),
    [
        ("eu-west-1", "i-0123456789abcdef0", "eu-west-1.console.aws.amazon.com"),
        ("eu-west-1", "i-01234567", "eu-west-1.console.aws.amazon.com"),
        ("us-gov-west-1", "i-01234567", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ("cn-north-1", "i-01234567", "cn-north-1.console.amazonaws.cn"),
        ("eusc-de-east-1", "i-01234567", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ("us-iso-east-1", "i-01234567", ""),
        ("", "i-01234567", ""),
        ("evil.example/?-1", "i-01234567", ""),
        ("eu-west-1\n", "i-01234567", ""),
        ("eu-west-1", "i-0123456", ""),
        ("eu-west-1", "i-01234567|https://evil.example", ""),
    ],
)
def test_the_console_is_that_of_the_regions_partition(region: str, instance: str, host: str) -> None:
    event = Event("e", "capture_failed", NOON, system=System(instance, region))
    links = compose(Alarm(event, Severity.UNKNOWN)).links
    path = f"/ec2/home?region={region}#InstanceDetails:instanceId={instance}"
    assert [link.url for link in links] == ([f"https://{host}{path}"] if host else [])


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


def test_an_absurd_size_that_an_older_version_put_into_a_queue_is_left_out() -> None:
    evidence = Evidence(31, 12, "vol-1", size_mb=10**400)
    shown = {fact.label: fact.value for fact in compose(alarm("processing_failed", evidence=evidence)).facts}
    assert shown["Evidence"] == "vol-1 (id 31)"
