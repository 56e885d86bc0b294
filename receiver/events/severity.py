"""Decides how severe an alarm is."""

from __future__ import annotations

from shared.models.event_kinds import HUNT_FINISHED, TEST, is_audit
from shared.models.events import Event
from shared.models.severity import Severity


def severity_of(event: Event, malicious: int | None, suspicious: int | None) -> Severity:
    """The worst severity of these: by the counts, by the kind of event, and by the named detection. So no
    source can make another source's finding look harmless."""
    detected = event.detection.severity if event.detection else None
    if malicious or event.named_malicious:
        return Severity.MALICIOUS
    if suspicious or event.kind == "suspicious_severity_event" or detected is Severity.SUSPICIOUS:
        return Severity.SUSPICIOUS
    if event.alarms:
        return Severity.UNKNOWN
    if event.kind == HUNT_FINISHED:
        report = event.report
        return Severity.UNKNOWN if report and (report.reason or report.with_alarms) else Severity.INFO
    if event.kind in ("processing_finished", TEST) or is_audit(event.kind):
        return Severity.INFO
    if detected is Severity.INFO and event.kind.startswith("detection_"):
        return Severity.INFO
    return Severity.UNKNOWN
