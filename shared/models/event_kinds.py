"""The kinds of event: those that the platform sends, and those that huntbridge raises itself."""

from __future__ import annotations

# The enum `event_type` of the platform's webhooks, OpenAPI 2.324.0.
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
PLATFORM_KINDS = (
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

# Kinds of event that huntbridge raises itself. All others are the platform's own names.
HUNT_FINISHED = "hunt_finished"
CAPTURE_FAILED = "capture_failed"
CAPTURE_STALLED = "capture_stalled"
HUNT_MISSED = "hunt_missed"  # a hunt did not start when it was due
RECOVERED = "recovered"  # alarms whose webhook did not arrive
WEBHOOK_BROKEN = "webhook_broken"
WEBHOOKS_REFUSED = "webhooks_refused"  # by huntbridge's own web application
JOB_FAILING = "job_failing"  # a job of the timer has failed for long, or works again
DESTINATION_BROKEN = "destination_broken"  # the daily check found that a destination would take no message
DESTINATION_MENDED = "destination_mended"  # the daily check found that it would take one again
CHECK_FAILED = "check_failed"  # the daily check found something else that fails, or that it works again
PREFLIGHT_FOUND = "preflight_found"  # something will very likely keep the next hunt from capturing systems
MUTED = "muted"  # somebody added a mute
MUTE_ENDING = "mute_ending"  # a mute ends within a day
TEST = "test"  # sent by `huntbridge send-test`, or by the platform to test its webhook
UNDELIVERED = "undelivered"  # messages that became dead items
ACKNOWLEDGED = "acknowledged"  # somebody acknowledged a case
RELEASED = "released"  # somebody gave back a case that was acknowledged
CLOSED = "closed"  # somebody closed a case with a verdict
REOPENED = "reopened"  # somebody, or a new alarm, reopened a closed case
STILL_THERE = "still_there"  # for issue trackers, once a month: nothing is new about an open case
UNACKNOWLEDGED = "unacknowledged"  # a reminder that nobody has acknowledged a case
HEARTBEAT = "heartbeat"  # sent to a channel that received nothing else for a long time
REPORT = "report"  # the figures of the last four weeks, once a month
COVERAGE_OLD = "coverage_old"  # machines were not captured for longer than the configuration allows
VULNERABILITIES_FOUND = "vulnerabilities_found"  # a hunt found new ones
UNKNOWN_EVENT = "unknown"
# What people decided about a case. Such an event says nothing new about the system.
DECISION_KINDS = frozenset({ACKNOWLEDGED, RELEASED, CLOSED, REOPENED})
# About a case, and saying nothing new about its system.
NO_NEWS = DECISION_KINDS | {UNACKNOWLEDGED, STILL_THERE}
# Of these, the kinds that are not about a finding of the platform.
OWN_KINDS = frozenset(
    {
        *(HUNT_FINISHED, HUNT_MISSED, CAPTURE_FAILED, CAPTURE_STALLED),
        *(WEBHOOK_BROKEN, WEBHOOKS_REFUSED, JOB_FAILING),
        *(UNDELIVERED, UNACKNOWLEDGED, STILL_THERE, HEARTBEAT, REPORT),
        *(DESTINATION_BROKEN, DESTINATION_MENDED, CHECK_FAILED),
        *(MUTED, MUTE_ENDING),
        *(COVERAGE_OLD, VULNERABILITIES_FOUND, PREFLIGHT_FOUND),
        *DECISION_KINDS,
    }
)

# The kinds that report alarms in an evidence.
ALARM_KINDS = ("high_severity_alarm", "suspicious_severity_event", "processing_with_alarms", RECOVERED)


def is_audit(kind: str) -> bool:
    """Whether the event only says what a user did on the platform."""
    return kind == "admin_login" or kind.startswith("audit_event_")
