"""How severe an event is, by its counts, its kind and its detection."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from receiver.events.severity import severity_of
from shared.models.events import Detection, Event
from shared.models.hunts import HuntReport
from shared.models.severity import Severity

AT = datetime(2026, 7, 6, tzinfo=UTC)
EVENT = Event("e1", "processing_with_alarms", AT, title="T", project_id=12, evidence_id=31)
HIGH, LOW = Detection(severity=Severity.MALICIOUS), Detection(severity=Severity.INFO)


@pytest.mark.parametrize(
    ("event", "malicious", "suspicious", "severity"),
    [
        (EVENT, 1, 0, "malicious"),
        (EVENT, 0, 1, "suspicious"),
        (EVENT, 0, 0, "unknown"),
        (EVENT, None, None, "unknown"),
        (Event("e", "high_severity_alarm", AT), None, None, "malicious"),
        (Event("e", "suspicious_severity_event", AT), None, None, "suspicious"),
        (Event("e", "suspicious_severity_event", AT), 1, None, "malicious"),
        (Event("e", "processing_finished", AT), None, None, "info"),
        (Event("e", "processing_finished", AT), 0, 0, "info"),
        (Event("e", "processing_finished", AT), 3, 0, "malicious"),
        (Event("e", "processing_finished", AT, alarms=3), None, None, "unknown"),
        (Event("e", "processing_failed", AT), None, None, "unknown"),
        (Event("e", "audit_event_delete", AT), None, None, "info"),
        (Event("e", "admin_login", AT), None, None, "info"),
        (Event("e", "detection_created", AT), None, None, "unknown"),
        (Event("e", "detection_created", AT, detection=HIGH), None, None, "malicious"),
        (Event("e", "detection_created", AT, detection=LOW), None, None, "info"),
        (Event("e", "detection_created", AT, detection=LOW), 1, None, "malicious"),
        (Event("e", "processing_with_alarms", AT, detection=LOW), 0, 3, "suspicious"),
        (Event("e", "processing_with_alarms", AT, detection=LOW), None, None, "unknown"),
        (Event("e", "test", AT), None, None, "info"),
        (Event("e", "capture_failed", AT), None, None, "unknown"),
        (Event("e", "hunt_finished", AT, report=HuntReport("h", AT, 1)), 0, 0, "info"),
        (Event("e", "hunt_finished", AT, report=HuntReport("h", AT, 1, reason="x")), 0, 0, "unknown"),
        (Event("e", "unknown", AT), None, None, "unknown"),
    ],
)
def test_severity(event, malicious, suspicious, severity):
    assert severity_of(event, malicious, suspicious) == severity
