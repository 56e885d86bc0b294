"""One alarm of several: nothing of any is lost, and the sums are right."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.messages.compose import compose
from receiver.messages.together import together
from shared.models.alarms import Alarm, Gap
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding
from shared.models.judgements import JudgedFinding, Judgement
from shared.models.severity import Severity
from shared.models.system_findings import Status
from shared.models.systems import Instance

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WEB = Instance("i-0123456789abcdef0", "us-east-1", name="web-01")


def alarm(id, evidence, malicious, suspicious, *findings, kind="processing_with_alarms", **more) -> Alarm:
    severity = Severity.MALICIOUS if malicious else Severity.SUSPICIOUS
    event = Event(id, kind, NOON + timedelta(seconds=evidence), project_id=3, evidence_id=evidence)
    disk = Evidence(evidence, 3, f"vol-{evidence}", instance=WEB.id)
    return Alarm(
        event, severity, malicious, suspicious, evidence=disk, instance=WEB, findings=findings, **more
    )


def finding(description, count, path="", severity=Severity.MALICIOUS) -> Finding:
    return Finding(description, count, severity, path=path)


def judged(description, status) -> JudgedFinding:
    return JudgedFinding(description, status, description, "/x", Severity.MALICIOUS, 1)


def test_the_sums_and_the_findings_of_all_disks():
    first = alarm("a", 4, 0, 3, finding("scan", 3, "/a", Severity.SUSPICIOUS))
    second = alarm("b", 5, 7, 1, finding("miner", 4, "/m"), finding("miner", 3, "/n"))
    third = alarm("c", 6, 2, 0, finding("miner", 2, "/m"))
    message = compose(together([first, second, third]))
    assert message.title == "9 malicious, 4 suspicious on web-01 (i-0123456789abcdef0)"
    assert [(each.description, each.path, each.count) for each in message.findings] == [
        ("miner", "/m", 6),
        ("miner", "/n", 3),
        ("scan", "/a", 3),
    ]
    assert (message.id, message.severity) == ("a", Severity.MALICIOUS)


def test_what_one_disk_was_first_told_of_is_new_although_another_has_it_too():
    def with_judgement(id, evidence, *findings):
        return alarm(id, evidence, 1, 0, judgement=Judgement("case", True, findings, len(findings)))

    merged = together(
        [
            with_judgement("a", 4, judged("miner", Status.NEW)),
            with_judgement("b", 5, judged("miner", Status.SEEN), judged("shell", Status.NEW)),
        ]
    )
    assert merged.judgement
    assert [(each.fingerprint, each.status) for each in merged.judgement.findings] == [
        ("miner", Status.NEW),
        ("shell", Status.NEW),
    ]


def test_a_later_alarm_about_the_same_disk_withdraws_nothing():
    first = alarm("a", 4, 5, None)
    later = alarm("b", 4, None, 8)
    merged = together([first, replace(later, severity=Severity.SUSPICIOUS), alarm("c", 5, 1, 0)])
    assert (merged.malicious, merged.suspicious, merged.severity) == (6, 8, Severity.MALICIOUS)
    assert [part.event_id for part in merged.group] == ["b", "c"]


def test_if_the_kinds_of_some_alarms_are_not_known_only_their_sum_is_said():
    first = alarm("a", 4, 5, 1)
    unknown = alarm("b", 5, None, None, gaps=(Gap("Findings", "the platform did not answer"),))
    unknown = replace(unknown, event=replace(unknown.event, alarms=4))
    message = compose(together([first, unknown]))
    assert message.title == "10 alarms on web-01 (i-0123456789abcdef0)"
    assert message.gaps == ("Findings: the platform did not answer",)


def test_one_alarm_stays_as_it_is():
    single = alarm("a", 4, 5, 1)
    assert together([single]) is single
