"""Every kind of document: what its group and name are, which module writes it, and how long it is kept.

A document is found by (kind, group, name), and is kept for a number of days after its last write. A document
that prevents something (a second message, a second hunt) is kept for longer than what it prevents could still
happen: an item may wait in a queue for 14 days, die, and wait as long among the dead items, more than once.
A document that prevents old alarms from being told as new is kept for ever, since the platform keeps their
evidence as long as it likes. DynamoDB deletes documents that are past their time; SQLite keeps all.

The values are stored and never change.
"""

from __future__ import annotations

from dataclasses import dataclass

_EVER = None
_YEAR = 400
_HALF_YEAR = 180  # longer than any item lives


@dataclass(frozen=True)
class Kind:
    value: str
    group: str  # what the group is; empty: one group for all
    name: str  # what the name is; "-": one document in each group
    owner: str  # the module that writes it
    days: int | None  # days that it is kept after its last write; None: for ever


KINDS: dict[str, Kind] = {}


def _kind(value: str, *, group: str = "", name: str = "-", owner: str, days: int | None) -> str:
    KINDS[value] = Kind(value, group, name, owner, days)
    return value


# Hunts: one hunt starts for each scheduled time, and reports compare it with the hunts of a year.
HUNT = _kind("hunt", group="hunt name", name="hunt id", owner="shared.storage.ledger.hunts", days=_YEAR)
# Deleted when the hunt is over.
OPEN_HUNT = _kind("open-hunt", name="hunt id", owner="shared.storage.ledger.hunts", days=_EVER)
TURN = _kind("turn", name="hunt name", owner="shared.storage.ledger.hunts", days=_EVER)
QUIET = _kind(
    "quiet", group="what the hunt is about", name="its id", owner="shared.storage.ledger.hunts", days=_YEAR
)
# An alarm may come from an old project.
PROJECT = _kind("project", name="project id", owner="shared.storage.ledger.hunts", days=_EVER)
# Deleted when the project is no longer compared with what was received.
CHECKED_PROJECT = _kind("checked-project", name="project id", owner="shared.storage.ledger.hunts", days=_EVER)
CAPTURE = _kind(
    "capture", group="hunt id", name="system key", owner="shared.storage.ledger.captures", days=_YEAR
)
HUNTED = _kind("hunted", name="system key", owner="shared.storage.ledger.captures", days=_YEAR)
CAPTURED = _kind("captured", name="system key", owner="shared.storage.ledger.captures", days=_YEAR)
PAST_HUNTS = _kind("past-hunts", group="instance id", owner="shared.storage.ledger.captures", days=_YEAR)
# The names that begin with @ are written by shared.storage.ledger.hunts.
CLOCK = _kind("clock", name="hunt name", owner="shared.local.clock", days=_EVER)

# Alarms: what was received and told, so that it is not told as new.
EVENT = _kind(
    "event", group="event id", name='"routed"', owner="shared.storage.ledger.events", days=_HALF_YEAR
)
PROJECT_EVENT = _kind(
    "project-event",
    group="project id, or -",
    name="event id",
    owner="shared.storage.ledger.events",
    days=_YEAR,
)
WHOLE_ALARM = _kind("whole-alarm", group="event id", owner="shared.storage.ledger.events", days=_HALF_YEAR)
ALARM_RUN = _kind(
    "alarm-run", group="project id", name="evidence id", owner="shared.storage.ledger.events", days=_EVER
)
# The same body again within 15 minutes is a repeat: kept as long as both may wait in the queue.
BODY = _kind("body", group="SHA-256 of platform and body", owner="receiver.events.dedupe", days=60)
ALARM = _kind(
    "alarm", group="platform/project id", name="evidence id/story", owner="receiver.events.dedupe", days=_EVER
)
SYSTEM_ALARMS = _kind("system-alarms", group="instance id", owner="receiver.events.history", days=_YEAR)
NAME = _kind("name", name="instance id", owner="shared.storage.ledger.instance_names", days=_YEAR)
# Some notes say which projects on the platform were looked at.
NOTE = _kind("note", group="what it is about", name="its id", owner="shared.storage.ledger.notes", days=_EVER)

# Cases: what prevents a second issue or thread.
CASE = _kind(
    "case", group="case key", name="destination", owner="shared.storage.ledger.case_references", days=_YEAR
)
CASE_FILE = _kind("case-file", group="case key", owner="shared.storage.ledger.cases", days=_YEAR)
# Deleted when somebody acknowledges the case, or after the last reminder.
UNACKNOWLEDGED = _kind("unacknowledged", name="case key", owner="shared.storage.ledger.cases", days=_EVER)

# Deliveries: what prevents a second message.
DELIVERY = _kind(
    "delivery",
    group="event id",
    name="destination",
    owner="shared.storage.ledger.deliveries",
    days=_HALF_YEAR,
)
DIGEST = _kind(
    "digest", group="destination", name="digest id", owner="receiver.deliveries.digest", days=_HALF_YEAR
)
DIGEST_ENTRY = _kind(
    "digest-entry",
    group="destination/digest id",
    name="event id",
    owner="receiver.deliveries.digest",
    days=_HALF_YEAR,
)
DIGEST_NOW = _kind("digest-now", name="destination", owner="receiver.deliveries.digest", days=_HALF_YEAR)
# No destination is left alone for so long.
PACE = _kind("pace", name="what the limit applies to", owner="receiver.deliveries.rate_limit", days=2)
# The number in it names the next notice.
NOTICE = _kind("notice", name="destination or queue", owner="shared.queues.dead_letter_notices", days=_EVER)
HEARTBEAT = _kind("heartbeat", name="destination", owner="shared.queues.heartbeats", days=_EVER)

AUDIT = _kind("audit", group="month", name="time and digest", owner="shared.storage.audit", days=_YEAR)
AUDIT_CONFIGURATION = _kind("audit-configuration", owner="shared.storage.audit", days=_EVER)
# The highest time that a queue of SQLite has seen.
QUEUE_CLOCK = _kind("queue-clock", name="queue", owner="shared.local.sqlite", days=_EVER)


def seconds_kept(kind: str) -> int | None:
    """None means for ever. A kind that is not listed, as of a later version, is kept for ever too."""
    days = KINDS[kind].days if kind in KINDS else None
    return None if days is None else days * 86_400
