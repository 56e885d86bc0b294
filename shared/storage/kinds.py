"""Every kind of document: what its group and name are, which module writes it, and how long it is kept.

A document is found by (kind, group, name), and is kept for a number of days after its last write. The
section `keep` of the configuration sets the days of some kinds. A document that prevents something, such as a
second message or hunt, is kept for longer than that could still happen. An item may wait in a queue for 14
days, die, and wait as long among the dead items, more than once. A document that prevents old alarms from
being reported as new is kept for ever, since the platform keeps their evidence as long as it likes.

DynamoDB deletes documents that are past their time, and the timer's job `expire` does so in SQLite. That job
also writes what open cases and hunts refer to again in time, so that it stays.

The texts of the kinds are stored, so they never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_EVER = None
_YEAR = 400
_HALF_YEAR = 180  # longer than any item lives
# The keys of the section `keep`, with the days that are the default. Items refer to the documents for up to
# two months, so no key may have less.
_OF_HUNTS, _OF_CAPTURES, _OF_ALARMS = "hunts", "captures", "alarms"
_OF_CASES, _OF_DELIVERIES, _OF_AUDIT = "cases", "deliveries", "audit"
DEFAULT_DAYS: Mapping[str, int] = {
    _OF_HUNTS: _YEAR,
    _OF_CAPTURES: _YEAR,
    _OF_ALARMS: _HALF_YEAR,
    _OF_CASES: _YEAR,
    _OF_DELIVERIES: _HALF_YEAR,
    _OF_AUDIT: _YEAR,
}
LEAST_DAYS = 60


@dataclass(frozen=True)
class Kind:
    """A kind of document: its key, its owner, and how long it is kept."""

    group: str  # what identifies a group, such as "hunt name"; "" if the kind has a single group (named "")
    name: str  # what identifies a document in its group; "-" if each group has one document (named "-")
    owner: str  # the module that writes it
    # Days that it is kept after its last write, or the key of `keep` that says how many; None: for ever.
    kept: int | str | None


KINDS: dict[str, Kind] = {}


def _kind(text: str, owner: str, kept: int | str | None, *, group: str = "", name: str = "-") -> str:
    KINDS[text] = Kind(group, name, owner, kept)
    return text


# Hunts: one hunt starts for each scheduled time, and reports compare it with the hunts of a year.
_HUNTS, _CAPTURES = "shared.storage.ledger.hunts", "shared.storage.ledger.captures"
HUNT = _kind("hunt", _HUNTS, _OF_HUNTS, group="hunt name", name="hunt id")
OPEN_HUNT = _kind("open-hunt", _HUNTS, _EVER, name="hunt id")  # deleted when the hunt is over
TURN = _kind("turn", _HUNTS, _EVER, name="hunt name")
QUIET = _kind("quiet", _HUNTS, _OF_HUNTS, group="source of the hunt", name="system key")
PROJECT = _kind("project", _HUNTS, _EVER, name="project id")  # an alarm may come from an old project
# Deleted when the project's alarms are no longer compared with the received webhooks.
CHECKED_PROJECT = _kind("checked-project", _HUNTS, _EVER, name="project id")
CAPTURE = _kind("capture", _CAPTURES, _OF_CAPTURES, group="hunt id", name="system key")
HUNTED = _kind("hunted", _CAPTURES, _OF_CAPTURES, name="lasting system key")
CAPTURED = _kind("captured", _CAPTURES, _OF_CAPTURES, name="lasting system key")
SYSTEM = _kind("system", "shared.storage.ledger.systems", _OF_CAPTURES, name="lasting system key")
# What runs in the accounts of the organization. Each day's look replaces the documents of the day before.
FLEET = _kind("fleet", "shared.storage.ledger.fleet", 40, group="fleet", name="account/region/part")
VULNERABILITIES = _kind(
    "vulnerabilities", "shared.storage.ledger.vulnerabilities", _OF_HUNTS, group="hunt id", name="system key"
)
PAST_HUNTS = _kind("past-hunts", _CAPTURES, _OF_HUNTS, group="lasting id")
# The names that begin with @ belong to shared.storage.ledger.hunts.
CLOCK = _kind("clock", "shared.local.hunt_starter", _EVER, name="hunt name")

# The set of rules and indicators that the functions on AWS take along, and texts that pushes replaced.
INTELLIGENCE = _kind(
    "intelligence", "shared.storage.ledger.intelligence", _EVER, group="what is kept", name="time, or part"
)

# Alarms: what was received and reported, so that it is not reported again as new.
_EVENTS, _DEDUPE = "shared.storage.ledger.events", "receiver.events.dedupe"
EVENT = _kind("event", _EVENTS, _OF_ALARMS, group="event id", name="routed")
PROJECT_EVENT = _kind("project-event", _EVENTS, _YEAR, group="project id, or -", name="event id")
WHOLE_ALARM = _kind("whole-alarm", _EVENTS, _OF_ALARMS, group="event id")
ALARM_RUN = _kind("alarm-run", _EVENTS, _EVER, group="project id", name="evidence id")
# Recognises repeats (same body within 15 minutes). Both webhooks may wait in the queue for weeks before they
# are compared, so it is kept for 60 days.
BODY = _kind("body", _DEDUPE, 60, group="SHA-256 of platform and body")
ALARM = _kind("alarm", _DEDUPE, _EVER, group="platform/project id", name="evidence id/story")
SYSTEM_ALARMS = _kind("system-alarms", "receiver.events.history", _YEAR, group="lasting id")
# What each system's alarms found over all hunts. A finding must not be told as new again.
SYSTEM_FINDINGS = _kind("system-findings", "shared.storage.ledger.findings", _EVER, group="lasting id")
QUIET_FINDINGS = _kind(
    "quiet-findings", "shared.storage.ledger.findings", _OF_HUNTS, group="hunt id", name="lasting id"
)
# What people decided, in documents that no alarm writes.
KNOWN_GOOD = _kind("known-good", "shared.storage.ledger.known_good", _EVER, group="lasting id, or wide")
NAME = _kind("name", "shared.storage.ledger.instance_names", _OF_CAPTURES, name="instance id")

# Cases: what prevents a second issue or thread.
_CASES = "shared.storage.ledger.cases"
CASE = _kind("case", "shared.storage.ledger.case_references", _OF_CASES, group="case key", name="destination")
CASE_FILE = _kind("case-file", _CASES, _OF_CASES, group="case key")
# Deleted when somebody acknowledges the case, or after the last reminder.
UNACKNOWLEDGED = _kind("unacknowledged", _CASES, _EVER, name="case key")
# Deleted when somebody takes or closes the case.
ESCALATION = _kind("escalation", _CASES, _OF_CASES, name="case key")

# When the issue of a case was first found closed. The next look comes within hours.
CLOSED_ISSUE = _kind("closed-issue", "receiver.cases.closed_issues", 30, group="case key", name="destination")

# Written by decisions of people alone.
MUTES = _kind("mutes", "shared.storage.ledger.mutes", _EVER)

# Deliveries: what prevents a second message.
_DELIVERIES, _DIGEST = "shared.storage.ledger.deliveries", "receiver.deliveries.digest_store"
DELIVERY = _kind("delivery", _DELIVERIES, _OF_DELIVERIES, group="event id", name="destination")
DIGEST = _kind("digest", _DIGEST, _OF_DELIVERIES, group="destination", name="digest id")
DIGEST_ENTRY = _kind("digest-entry", _DIGEST, _OF_DELIVERIES, group="destination/digest id", name="event id")
DIGEST_NOW = _kind("digest-now", _DIGEST, _HALF_YEAR, name="destination")
# Deleted when the digest is due.
WAITING_DIGEST = _kind(
    "waiting-digest", "shared.storage.ledger.waiting_digests", _EVER, name="destination/digest id"
)
# No group waits as long as two days.
GROUP_NOW = _kind("group-now", "receiver.deliveries.groups", 2, group="destination", name="case key")
# The same request within a minute sends a message again only once.
RESENT = _kind("resent", "receiver.deliveries.resend", 2, group="event id", name="destination")
# No rate limit looks back two days.
PACE = _kind("pace", "receiver.deliveries.rate_limit", 2, name="what the limit applies to")
# The document holds the count of dead items, which is part of the next notice's id. If it expired, ids would
# repeat.
NOTICE = _kind("notice", "shared.queues.dead_letter_notices", _EVER, name="destination, or queue")
HEARTBEAT = _kind("heartbeat", "shared.queues.heartbeats", _EVER, name="destination")

# How many events there were in each ISO week.
WEEK = _kind("week", "shared.storage.ledger.weeks", _YEAR, name="week")

AUDIT = _kind("audit", "shared.storage.audit", _OF_AUDIT, group="month", name="time and digest")
AUDIT_CONFIGURATION = _kind("audit-configuration", "shared.storage.audit", _EVER)
# The latest time that a queue of SQLite has seen.
QUEUE_CLOCK = _kind("queue-clock", "shared.local.queue", _EVER, name="queue")
# How far a segment of the inbox is imported. Deleted after the segment.
INBOX = _kind("inbox", "shared.local.inbox_reader", _EVER, name="segment")

# Notes are kept for ever: some of them say which of the platform's projects were looked at.
NOTE = _kind("note", "shared.storage.ledger.notes", _EVER, group="one of the groups below", name="")

NOTES: dict[str, Kind] = {}


def _note(group: str, owner: str, *, name: str) -> str:
    NOTES[group] = Kind(group, name, owner, _EVER)
    return group


AGAIN_NOTES = _note("captured again", "shared.storage.ledger.captures_again", name="asked")
BACKUP_NOTES = _note("backups", "shared.storage.backups", name="time")
CLICK_NOTES = _note("click", "receiver.cases.actions", name="click id")
CLOSED_ISSUE_NOTES = _note("closed issues", "receiver.cases.closed_issues", name="destination")
COVERAGE_NOTES = _note("coverage", "shared.storage.ledger.coverage", name="listing")
COVERAGE_JOB_NOTES = _note("coverage job", "scheduler.coverage", name="attempt, old captures, or plan")
DAILY_CHECK_NOTES = _note("daily check", "shared.queues.check_results", name="part")
DAILY_CHECK_DAY_NOTES = _note("daily check of", "scheduler.daily_check", name="day")
DAY_NOTES = _note("day", "shared.storage.ledger.day_counts", name="counts")
DEAD_ITEM_NOTES = _note("dead items seen", "shared.queues.dead_letter_notices", name="queue")
EXPIRY_NOTES = _note("expiry", "scheduler.expire", name="round, or clock")
HEALTH_NOTES = _note("health", "cli.health", name="write")
INDEX_NOTES = _note("index", "scheduler.index_old_documents", name="documents")
JOB_NOTES = _note("job", "scheduler.job_failures", name="job")
KNOWN_GOOD_HIT_NOTES = _note("known good hits", "shared.storage.ledger.known_good", name="entry id")
LAST_DELIVERED_NOTES = _note("last delivered", "shared.storage.last_delivered", name="destination")
LEFTOVER_NOTES = _note("leftovers", "shared.storage.ledger.left_behind", name="found")
MUTE_NOTES = _note("mutes", "scheduler.ending_mutes", name="told")
MUTE_HIT_NOTES = _note("mute hits", "shared.storage.ledger.mutes", name="mute id")
OPEN_ISSUE_NOTES = _note("open issues", "scheduler.look_at_issues", name="round")
PREFLIGHT_NOTES = _note("preflight", "scheduler.preflight.told", name="hunt name")
# The hash of the platform follows the text of this group.
PROJECT_NOTES = _note("project on", "scheduler.recover_lost_webhooks", name="project id")
REFUSAL_NOTES = _note("refused", "receiver.intake.refusals", name="webhooks, or day")
REPORT_NOTES = _note("report", "scheduler.monthly_report", name="monthly")
RESTORE_NOTES = _note("restored", "shared.storage.backups", name="last")
SCHEDULE_NOTES = _note("schedule", "scheduler.missed", name="hunt name")
TURN_NOTES = _note("turn", "scheduler.round_robin", name="job")
TREND_NOTES = _note("trends", "scheduler.trends", name="week")
WEBHOOK_NOTES = _note("watch", "scheduler.webhook_check", name="webhook")


def days_kept(kind: str, keep: Mapping[str, int] = DEFAULT_DAYS) -> int | None:
    """For how many days a document is kept after its last write. None means for ever. A kind that is not
    listed, as one of a later version, is kept for ever too. `keep`: the days of the section `keep`."""
    kept = KINDS[kind].kept if kind in KINDS else None
    return keep[kept] if isinstance(kept, str) else kept
