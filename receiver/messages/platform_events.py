"""What a message says about an event of the platform: alarms, processing, detections, audit events."""

from __future__ import annotations

from collections.abc import Iterator

from receiver.messages.content import Content, platform_sentence, quote_unless_sentence
from receiver.messages.counts import counts_in_words, worst_finding
from receiver.messages.message import Fact
from receiver.messages.safe_text import harmless_line, quoted_text
from receiver.messages.subject import where
from receiver.messages.wording import capitalised, joined, sentences
from shared.models.alarms import Alarm
from shared.models.event_notes import TEST_NOTE


def alarms_found(alarm: Alarm) -> Content:
    return Content(
        title=joined(counts_in_words(alarm) or KIND_TITLES[alarm.event.kind], where(alarm)),
        summary=worst_finding(alarm.findings) or platform_sentence(alarm),
    )


def recovered(alarm: Alarm) -> Content:
    return Content(
        title=joined(counts_in_words(alarm) or "Alarms", where(alarm)),
        summary=sentences(
            "An earlier message had fewer of these alarms, or the platform had not confirmed them. "
            "huntbridge found them on the platform."
            if alarm.earlier
            else "No webhook arrived for these alarms. huntbridge found them on the platform.",
            worst_finding(alarm.findings),
        ),
    )


def processing_finished(alarm: Alarm) -> Content:
    counts = counts_in_words(alarm)
    if not counts and (alarm.malicious, alarm.suspicious) == (0, 0):
        counts = "no alarms"
    title = joined(KIND_TITLES[alarm.event.kind], where(alarm))
    return Content(
        title=f"{title}: {counts}" if counts else title,
        summary=worst_finding(alarm.findings) or platform_sentence(alarm),
    )


def processing_failed(alarm: Alarm) -> Content:
    return Content(
        title=joined("Processing failed", where(alarm)),
        summary="The captured data could not be processed, so it was not searched for threats.",
        quote=quoted_text(alarm.event.text),
    )


def not_understood(alarm: Alarm) -> Content:
    event = alarm.event
    note = harmless_line(event.note, 250).rstrip(".")
    text = event.text if event.title in event.text else f"{event.title}\n{event.text}"
    what = "An event from the platform that could not be understood"
    if TEST_NOTE in event.note:  # or the template is wrong, and the event is a real alarm
        what = "Probably a TEST of the platform's webhook"
    return Content(
        title=joined(counts_in_words(alarm) or what, where(alarm)),
        summary=sentences(
            "It is not clear what happened." if counts_in_words(alarm) else "",
            f"{capitalised(note)}." if note else "",
            "The text is shown as it came.",
        ),
        quote=quoted_text(text),
    )


def other_event(alarm: Alarm) -> Content:
    kind = alarm.event.kind
    if kind.startswith("detection_") and kind in KIND_TITLES:
        what = _detected(alarm, KIND_TITLES[kind])
    elif kind in KIND_TITLES:
        what = KIND_TITLES[kind]
    elif kind.startswith("audit_event_"):
        what = f"Audit event: {harmless_line(kind.removeprefix('audit_event_').replace('_', ' '), 40)}"
    else:
        what = f"Event: {harmless_line(kind.replace('_', ' '), 60)}"
    return Content(
        title=joined(what, where(alarm)),
        summary=platform_sentence(alarm),
        quote=quote_unless_sentence(alarm),
        facts=tuple(_detection_facts(alarm)),
    )


def _detected(alarm: Alarm, what: str) -> str:
    detection = alarm.event.detection
    if not detection:
        return what
    name, severity = harmless_line(detection.name, 100), harmless_line(detection.said, 20)
    return (f"{what}: {name}" if name else what) + (f" (severity {severity})" if severity else "")


def _detection_facts(alarm: Alarm) -> Iterator[Fact]:
    if detection := alarm.event.detection:
        yield Fact("Detection", harmless_line(detection.name, 200))
        yield Fact("Severity", harmless_line(detection.said, 40))
        yield Fact("Resource", harmless_line(detection.resource, 200), code=True)


KIND_TITLES = {
    "high_severity_alarm": "High severity alarm",
    "suspicious_severity_event": "Suspicious event",
    "processing_with_alarms": "Alarms",
    "processing_finished": "Processing finished",
    "admin_login": "An administrator signed in to the platform",
    "audit_event_create": "Audit event: something was created",
    "audit_event_update": "Audit event: something was changed",
    "audit_event_delete": "Audit event: something was deleted",
    "audit_event_login": "Audit event: a user signed in",
    "audit_event_logout": "Audit event: a user signed out",
    "audit_event_download": "Audit event: something was downloaded",
    "audit_event_upload": "Audit event: something was uploaded",
    "audit_event_reboot": "Audit event: the platform was restarted",
    "audit_event_upgrade": "Audit event: the platform was upgraded",
    "audit_event_import": "Audit event: something was imported",
    "audit_event_tested": "Audit event: something was tested",
    "audit_event_cancel": "Audit event: something was cancelled",
    "audit_event_rerun": "Audit event: something was run again",
    "detection_created": "New detection",
    "detection_updated": "Detection changed",
    "detection_group_created": "New group of detections",
    "detection_group_updated": "Group of detections changed",
}
