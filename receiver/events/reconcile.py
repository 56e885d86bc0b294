"""What the platform says against what its webhook says: the platform's word is taken, the webhook's fills
gaps, and where the two differ a sentence says so."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.models.event_kinds import OWN_KINDS, RECOVERED
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity

_ALARMS = ("high_severity_alarm", "suspicious_severity_event", "processing_with_alarms", RECOVERED)


@dataclass(frozen=True)
class Counts:
    malicious: int | None
    suspicious: int | None
    disagreements: tuple[str, ...] = ()


def settled(event: Event, evidence: Evidence | None) -> tuple[Event, list[str]]:
    """The event as the platform knows its evidence, and in words what its webhook says otherwise."""
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


def counted(
    event: Event, evidence: Evidence | None, project: Project | None, findings: tuple[Finding, ...]
) -> Counts:
    """How many alarms there are: of the evidence; of the project only where an alarm is about no one
    evidence, and there the webhook's own number of a part is taken."""
    if event.kind in OWN_KINDS:
        lines = event.report.captures if event.report else ()
        if not lines:
            return Counts(event.malicious, event.suspicious)
        return Counts(sum(line.malicious for line in lines), sum(line.suspicious for line in lines))
    about_one = event.evidence_id is not None
    if not about_one and event.kind not in _ALARMS:
        return Counts(event.malicious, event.suspicious)
    told, known = (
        (event.malicious, event.suspicious),
        known_counts(evidence if about_one else project, findings),
    )
    disagreements = tuple(
        f"The webhook counts {said:,} {word}; the platform counts {number:,}."
        for said, number, word in zip(told, known, ("malicious", "suspicious"), strict=True)
        if said is not None and number is not None and (said != number if about_one else said > number)
    )
    malicious, suspicious = (
        _taken(said, number, any(known), about_one) for said, number in zip(told, known, strict=True)
    )
    return Counts(malicious, suspicious, () if event.kind == RECOVERED else disagreements)


def _taken(said: int | None, number: int | None, has_counted: bool, about_one: bool) -> int | None:
    """`has_counted`: before the platform has, the webhook may know more."""
    if said is None or number is None:
        return said if number is None else number
    of_a_part = not about_one and 0 < said <= number
    return said if of_a_part or not has_counted else number


def known_counts(
    source: Evidence | Project | None, findings: tuple[Finding, ...]
) -> tuple[int | None, int | None]:
    """Malicious and suspicious, by the platform's count and by its list of alarms: it may have answered for
    one of these alone."""
    return (
        _most(source.malicious if source else None, findings, Severity.MALICIOUS),
        _most(source.suspicious if source else None, findings, Severity.SUSPICIOUS),
    )


def _most(count: int | None, findings: tuple[Finding, ...], severity: Severity) -> int | None:
    listed = sum(one.count for one in findings if one.severity is severity)
    return max(count or 0, listed) if listed else count
