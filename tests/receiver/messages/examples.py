"""Alarms for the tests of messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import Instance, System

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
WEB = System("i-0123456789abcdef0", "us-east-1", "prod")
WEB_INSTANCE = Instance(WEB.instance, WEB.region, name="web-01", account_id="111122223333")
EVENT_FIELDS = ("title", "text", "project_id", "evidence_id", "alarms", "report", "note")


def alarm(kind: str, severity: Severity = Severity.MALICIOUS, **more: Any) -> Alarm:
    """An alarm of this kind; fields of the event and of the alarm by their names."""
    event = {name: more.pop(name) for name in EVENT_FIELDS if name in more}
    return Alarm(Event("e1", kind, NOON, **event), severity, **more)
