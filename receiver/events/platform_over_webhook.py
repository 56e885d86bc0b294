"""Compares what the webhook says with what the platform says.

The platform's answer has priority, and the webhook only fills gaps. For each difference the message has a
sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.models.event_kinds import ALARM_KINDS, OWN_KINDS, RECOVERED
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity


@dataclass(frozen=True)
class AlarmCounts:
    """None if no number is known."""

    malicious: int | None
    suspicious: int | None
    disagreements: tuple[str, ...] = ()


def reconcile_event(event: Event, evidence: Evidence | None) -> tuple[Event, list[str]]:
    """The event with the project and instance that the platform names, and the differences as sentences."""
    disagreements: list[str] = []
    if evidence is None or event.kind in OWN_KINDS:
        return event, disagreements
    if evidence.project_id is not None and event.project_id not in (None, evidence.project_id):
        disagreements.append(
            f"The webhook names project {event.project_id}; the platform says that evidence {evidence.id} "
            f"is in project {evidence.project_id}."
        )
        event = replace(event, project_id=evidence.project_id, ambiguous=True)
    named = event.system.instance if event.system else event.instance
    if named and evidence.instance not in ("", named):
        disagreements.append(
            f"The webhook names {named}; the platform says that evidence {evidence.id} is from "
            f"{evidence.instance}."
        )
        event = replace(event, system=None, instance="")
    return event, disagreements


def reconcile_counts(
    event: Event, evidence: Evidence | None, project: Project | None, findings: tuple[Finding, ...]
) -> AlarmCounts:
    """How many alarms there are: in the evidence if the event names one, else in the project. A webhook about
    a project may count only a part of the project's alarms. Then the webhook's number is used."""
    if event.kind in OWN_KINDS:
        captures = event.report.captures if event.report else ()
        if not captures:
            return AlarmCounts(event.malicious, event.suspicious)
        return AlarmCounts(
            sum(capture.malicious for capture in captures), sum(capture.suspicious for capture in captures)
        )
    about_evidence = event.evidence_id is not None
    if not about_evidence and event.kind not in ALARM_KINDS:
        return AlarmCounts(event.malicious, event.suspicious)
    by_webhook = event.malicious, event.suspicious
    by_platform = platform_counts(evidence if about_evidence else project, findings)
    disagreements = tuple(
        f"The webhook counts {said:,} {word}; the platform counts {number:,}."
        for said, number, word in zip(by_webhook, by_platform, ("malicious", "suspicious"), strict=True)
        if said is not None and number is not None and (said != number if about_evidence else said > number)
    )
    malicious, suspicious = (
        _reconcile_count(said, number, about_evidence, has_counted=any(by_platform))
        for said, number in zip(by_webhook, by_platform, strict=True)
    )
    return AlarmCounts(malicious, suspicious, () if event.kind == RECOVERED else disagreements)


def _reconcile_count(
    said: int | None, number: int | None, about_evidence: bool, *, has_counted: bool
) -> int | None:
    """`said` is the webhook's, `number` the platform's. While the platform has counted nothing yet, the
    webhook may know more."""
    if said is None or number is None:
        return said if number is None else number
    of_a_part = not about_evidence and 0 < said <= number
    return said if of_a_part or not has_counted else number


def platform_counts(
    source: Evidence | Project | None, findings: tuple[Finding, ...]
) -> tuple[int | None, int | None]:
    """Malicious and suspicious alarms, by the platform's counts and by its list of alarms. It may have
    answered only one of the two queries, so the larger number counts."""
    return (
        _larger(source.malicious if source else None, findings, Severity.MALICIOUS),
        _larger(source.suspicious if source else None, findings, Severity.SUSPICIOUS),
    )


def _larger(count: int | None, findings: tuple[Finding, ...], severity: Severity) -> int | None:
    listed = sum(finding.count for finding in findings if finding.severity is severity)
    return max(count or 0, listed) if listed else count
