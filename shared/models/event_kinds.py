"""The kinds of event that the platform sends."""

from __future__ import annotations

# The enum `event_type` of its webhooks, OpenAPI 2.324.0.
_AUDITED = (
    "create",
    "update",
    "delete",
    "login",
    "logout",
    "download",
    "reboot",
    "upgrade",
    "import",
    "tested",
    "upload",
    "cancel",
    "rerun",
)
KINDS = (
    "high_severity_alarm",
    "suspicious_severity_event",
    "processing_with_alarms",
    "processing_finished",
    "processing_failed",
    "admin_login",
    *(f"audit_event_{verb}" for verb in _AUDITED),
    "detection_updated",
    "detection_created",
    "detection_group_created",
    "detection_group_updated",
)
