"""What passes between the rooms: plain, frozen, and the same on both sides of a queue.

Nothing here reads, writes or decides. Times are timezone-aware UTC; ids of the platform are ints.
`dump` and `load` turn any of these into JSON and back, so that a queue or the ledger can hold it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")


class Severity(StrEnum):
    """How bad it is. The platform counts `malicious` (1) and `suspicious` (3); `info` is neither."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    INFO = "info"
    UNKNOWN = "unknown"

    @property
    def rank(self) -> int:
        """Higher is worse. What is not known may be bad."""
        return (Severity.INFO, Severity.UNKNOWN, Severity.SUSPICIOUS, Severity.MALICIOUS).index(self)


class CaptureState(StrEnum):
    PLANNED = "planned"
    REQUESTED = "requested"
    RUNNING = "running"
    PROCESSED = "processed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the platform's answer was ambiguous; settled by looking at its pipelines


class HuntState(StrEnum):
    PLANNED = "planned"  # recorded; the platform has no project for it yet
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"  # nothing could be asked: the key was refused, the platform stayed down
    SKIPPED = "skipped"  # not started, since the hunt before it was still under way
    EMPTY = "nothing captured"  # every capture was asked for, or failed before, and none succeeded
    STOPPED = "stopped"  # a person stopped it


# Kinds of event that huntbridge raises itself. All others are the platform's own names.
HUNT_FINISHED = "hunt_finished"
CAPTURE_FAILED = "capture_failed"
CAPTURE_STALLED = "capture_stalled"
HUNT_MISSED = "hunt_missed"  # a hunt that should have started and did not
RECOVERED = "recovered"  # alarms for which no webhook came
WEBHOOK_BROKEN = "webhook_broken"
WEBHOOKS_REFUSED = "webhooks_refused"  # by huntbridge's own web application
JOB_FAILING = "job_failing"  # a job of the timer has failed for long, or works again
TEST = "test"  # sent by `huntbridge send-test`, or by the platform to test its webhook
UNDELIVERED = "undelivered"  # messages that ended as dead
ACKNOWLEDGED = "acknowledged"  # somebody has taken a case
UNACKNOWLEDGED = "unacknowledged"  # nobody has taken it: a reminder
HEARTBEAT = "heartbeat"  # sent to a channel that got nothing else for a long time
UNKNOWN_EVENT = "unknown"
# Those of them that are no finding of the platform.
OWN_KINDS = frozenset(
    {
        *(HUNT_FINISHED, HUNT_MISSED, CAPTURE_FAILED, CAPTURE_STALLED),
        *(WEBHOOK_BROKEN, WEBHOOKS_REFUSED, JOB_FAILING),
        *(UNDELIVERED, ACKNOWLEDGED, UNACKNOWLEDGED, HEARTBEAT),
    }
)


@dataclass(frozen=True)
class System:
    """One EC2 instance to capture. `account` is the alias from the config; empty is the platform's own."""

    instance: str
    region: str
    account: str = ""

    @property
    def key(self) -> str:
        return f"{self.account or '-'}/{self.region}/{self.instance}"


@dataclass(frozen=True)
class Hunt:
    """One run of a hunt definition. Its identity is its name and the scheduled time."""

    name: str
    scheduled_at: datetime
    state: HuntState = HuntState.PLANNED
    mode: str = "full"  # full | triage | scan
    project_id: int | None = None
    systems: int = 0
    attempt: int = 1  # one more each time that it is started again after it failed as a whole
    problems: tuple[str, ...] = ()  # parts of the definition that could not be used, in words
    left_out: tuple[str, ...] = ()  # what its targets name or find and it does not take: counted, in words
    reason: str = ""  # why it failed
    trigger: str = ""  # who asked for it: the schedule, a person at the command line, a finding
    config_hash: str = ""  # SHA-256 of the definition that it was planned by
    began_at: datetime | None = None  # when it had its turn among the hunts of its name
    created_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_by: str = ""  # who wants no more of it; it is over when what goes on has ended

    def stopped(self, by: str) -> Hunt:
        return replace(self, stopped_by=self.stopped_by or by or "somebody")

    @property
    def why_stopped(self) -> str:
        return f"the hunt was stopped by {self.stopped_by}"

    @property
    def over(self) -> bool:
        return self.state not in (HuntState.PLANNED, HuntState.RUNNING)

    @property
    def id(self) -> str:
        return f"{self.name}@{self.scheduled_at:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Preserved:
    """One disk or collection that the platform keeps, as it described it when the capture had ended."""

    evidence_id: int
    resource: str = ""  # such as vol-080c44054f2073a7f
    size_mb: int | None = None
    disk_hash: str = ""
    path: str = ""  # where the raw image is, such as s3://…


@dataclass(frozen=True)
class Capture:
    """One system in one hunt."""

    hunt_id: str
    system: System
    state: CaptureState = CaptureState.PLANNED
    mode: str = "full"
    project_id: int | None = None
    pipeline_ids: tuple[int, ...] = ()
    evidence_ids: tuple[int, ...] = ()
    malicious: int = 0
    suspicious: int = 0
    reason: str = ""  # why it failed, or why it is unknown
    requested_at: datetime | None = None
    ended_at: datetime | None = None
    released_at: datetime | None = None  # when it was its turn to be asked for; None: not yet
    attempt: int = 1  # one more each time that it is asked for again after the platform failed it
    earlier_pipeline_ids: tuple[int, ...] = ()  # of the attempts before
    processing_ids: tuple[int, ...] = ()  # the pipelines that its own ones started
    progress: str = ""  # how far its pipelines were when they were last seen to move
    progress_at: datetime | None = None
    stalled: bool = False  # and that was told
    preserved: tuple[Preserved, ...] = ()  # what the platform keeps of it


@dataclass(frozen=True)
class Detection:
    """What a security product found, as the webhook names it."""

    name: str = ""  # such as Backdoor:EC2/C&CActivity.B!DNS
    severity: Severity | None = None  # None: the webhook names none that is known here
    said: str = ""  # the severity as it was written: high, 8.0
    resource: str = ""
    id: str = ""


@dataclass(frozen=True)
class Event:
    """One thing that happened. Every text in it may have been written by an attacker."""

    id: str
    kind: str
    received_at: datetime
    title: str = ""
    text: str = ""
    project_id: int | None = None
    evidence_id: int | None = None
    malicious: int | None = None
    suspicious: int | None = None
    alarms: int | None = None  # a count whose class the text did not name
    system: System | None = None
    hunt_id: str | None = None
    report: HuntReport | None = None  # only of hunt_finished
    note: str = ""  # what was wrong with the body, when something was
    instance: str = ""  # an EC2 instance id that the text names
    mended: bool = False  # what was told by an event of the same kind is over
    detection: Detection | None = None
    # Which project or evidence it is about is not sure: the body names several, or the platform another one.
    ambiguous: bool = False

    @property
    def named_malicious(self) -> bool:
        """Whether its kind or the detection that it names says so, whatever was counted."""
        detected = self.detection is not None and self.detection.severity is Severity.MALICIOUS
        return detected or self.kind == "high_severity_alarm"


# So that the report of ten thousand systems still fits into one queue item.
MAX_REPORT_LINES = 200


@dataclass(frozen=True)
class CaptureResult:
    """One line of a hunt's report."""

    system: System
    state: CaptureState
    malicious: int = 0
    suspicious: int = 0
    reason: str = ""
    name: str = ""  # the instance's Name, where an earlier alarm found it out
    new: int = 0  # alarms more than in the last hunt of this name, where the system was in it


@dataclass(frozen=True)
class HuntReport:
    """What one hunt came to. The totals are of all systems; the lines are the worst of them."""

    hunt: str
    scheduled_at: datetime
    project_id: int | None
    systems: int = 0
    captured: int = 0
    failed: int = 0
    with_alarms: int = 0
    captures: tuple[CaptureResult, ...] = ()  # worst first, at most MAX_REPORT_LINES
    problems: tuple[str, ...] = ()
    reason: str = ""  # why the hunt as a whole failed
    left_out: tuple[str, ...] = ()  # systems that its targets found and that were not captured, and why
    since: datetime | None = None  # when the last finished hunt of this name was scheduled
    new_alarms: int = 0  # more than then, of all systems
    new_with: int = 0  # how many systems have them
    slowest: CaptureResult | None = None
    slowest_seconds: float = 0.0  # from the request to its end
    stopped: bool = False  # a person stopped it
    covered: int | None = None  # of its systems, how many were captured in the last COVERAGE_DAYS days


COVERAGE_DAYS = 30


@dataclass(frozen=True)
class Finding:
    """One row of the platform's alarm summary: a kind of alarm and how often it was raised."""

    description: str
    count: int
    severity: Severity
    attack: tuple[str, ...] = ()  # MITRE ATT&CK technique ids, such as T1496
    path: str = ""


@dataclass(frozen=True)
class Project:
    id: int
    name: str
    malicious: int | None = None
    suspicious: int | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Evidence:
    """What the platform made of a capture: one per volume. `instance` is the EC2 instance behind it."""

    id: int
    project_id: int | None
    name: str
    hostname: str = ""
    os: str = ""
    size_mb: int | None = None
    resource: str = ""  # such as vol-080c44054f2073a7f
    resource_type: str = ""  # such as EBS
    instance: str = ""
    account_id: str = ""
    malicious: int | None = None
    suspicious: int | None = None
    processed_at: datetime | None = None
    disk_hash: str = ""
    preserved: str = ""  # where the raw image is kept


@dataclass(frozen=True)
class Instance:
    """What EC2 says about one instance. An empty value was not set there."""

    id: str
    region: str
    name: str = ""
    type: str = ""
    state: str = ""
    zone: str = ""
    account_id: str = ""
    private_ip: str = ""
    public_ip: str = ""
    vpc: str = ""
    subnet: str = ""
    security_groups: tuple[str, ...] = ()  # "name (sg-…)"
    iam_profile: str = ""
    image: str = ""
    platform: str = ""  # Linux/UNIX, Windows
    launched_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gap:
    """Something that could not be found out, and why: the analyst is told both."""

    what: str
    why: str


@dataclass(frozen=True)
class Earlier:
    """What had been told of the same evidence and processing run before; 0 where no number was known."""

    event_id: str
    severity: Severity
    malicious: int = 0
    suspicious: int = 0
    total: int = 0


@dataclass(frozen=True)
class TeamsUser:
    """A user in Microsoft Teams: the id says who is called, the name what stands in the message."""

    id: str  # Entra object id, or user principal name
    name: str


@dataclass(frozen=True)
class Change:
    """How an alarm differs from those before it on the same system."""

    first_at: datetime | None  # when its first alarm came; None: this is the first
    last_at: datetime | None  # when the one before this came
    new: int = 0  # how many kinds of alarm it has that none before it had
    new_kinds: tuple[str, ...] = ()  # the descriptions of some of those, worst first
    kinds: int = 0  # how many kinds this one has, new or not; 0 where they are not known
    hunts: int = 0  # how many of the last three hunts that captured it, before this one, are known
    with_alarms: int = 0  # in how many of them it had alarms


@dataclass(frozen=True)
class Owner:
    """Whom a destination may call about a system: who the configuration says, and never who a text says."""

    slack: str = ""  # id of a user (U…, W…) or of a user group (S…)
    teams: TeamsUser | None = None
    jira: str = ""  # account id at Jira Cloud, user name at Jira Data Center


@dataclass(frozen=True)
class Acknowledgement:
    """Who has taken a case, and when. The first one has it."""

    id: str  # of the click or the command: one that comes again is the same
    at: datetime
    by: str  # a name, as it was given: hostile text
    slack: str = ""  # the user's id, where Slack gave it
    origin: str = ""  # from where: Slack, or who asked on which machine


@dataclass(frozen=True)
class Alarm:
    """An event with everything that is known about it."""

    event: Event
    severity: Severity
    malicious: int | None = None
    suspicious: int | None = None
    hunt: Hunt | None = None
    capture: Capture | None = None
    project: Project | None = None
    evidence: Evidence | None = None
    instance: Instance | None = None
    system: System | None = None
    findings: tuple[Finding, ...] = ()
    findings_total: int = 0  # how many there are, where an item has no room for all of them
    gaps: tuple[Gap, ...] = ()
    link: str = ""  # into the platform; always its own origin
    earlier: Earlier | None = None  # this alarm adds to it, and is told as an update
    owner: Owner | None = None
    taken: Acknowledgement | None = None  # only of acknowledged
    case: str = ""  # the key of the case that it is about, where it is no alarm of its own
    change: Change | None = None
    disagreements: tuple[str, ...] = ()  # where the webhook says something else than the platform, in words
    may_repeat: bool = False  # what it says may have been told before

    @property
    def confirmed(self) -> bool:
        """Whether the platform itself says which evidence this is about, and what was found in it. What a
        text alone says decides neither that an alarm is a repeat nor that an evidence was told of."""
        known = self.evidence is not None and not self.event.ambiguous
        return known or self.event.kind == RECOVERED

    @property
    def case_key(self) -> str:
        """All alarms about one system in one project are one case."""
        if self.case:
            return self.case
        project = self.project.id if self.project else self.event.project_id
        if self.system:
            return f"project/{project or '-'}/{self.system.key}"
        if self.evidence and self.evidence.instance:
            return f"project/{project or '-'}/{self.evidence.instance}"
        return f"project/{project or '-'}/evidence/{self.event.evidence_id or self.event.id}"


@dataclass(frozen=True)
class CaseFile:
    """What is known of a case, whichever the destination."""

    alarm: Alarm  # the worst one; the newest of those that are equally bad
    told: tuple[str, ...] = ()  # the destinations that its messages went to
    taken: Acknowledgement | None = None
    issue_in: str = ""  # the Jira destination in which somebody asked for an issue
    issue_asked: str = ""  # id of the click that did


@dataclass(frozen=True)
class Unacknowledged:
    """A malicious case that nobody has taken."""

    case_key: str
    since: datetime
    due: datetime  # when it is told again
    reminded: int  # how often it was
    version: int  # of its record


@dataclass(frozen=True)
class AlarmRun:
    """One processing run that found something in one evidence, and whether anybody was told of it."""

    project_id: int
    evidence_id: int
    run: str  # when it was processed, as the platform says it
    seen_at: datetime  # by the clock of huntbridge
    told: bool = False
    events: tuple[str, ...] = ()  # about this evidence, and told of this run or of an earlier one


@dataclass(frozen=True)
class Delivery:
    """One message to one destination, and what became of it."""

    event_id: str
    destination: str
    state: str = "pending"  # pending | sending | unsure | in digest | delivered | dead
    attempts: int = 0
    ref: str = ""  # a Jira key, for example
    reason: str = ""
    note: str = ""  # delivered, but not as composed: a field that Jira refused, for example
    in_doubt: bool = False  # an attempt may have arrived, and none since is known to have
    first_at: datetime | None = None
    last_at: datetime | None = None


_adapters: dict[Any, TypeAdapter[Any]] = {}


def _adapter(kind: Any) -> TypeAdapter[Any]:
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def dump(thing: object) -> dict[str, Any]:
    """Any of the above as what JSON can hold."""
    found: dict[str, Any] = _adapter(type(thing)).dump_python(thing, mode="json")
    return found


def load(kind: type[T], data: Mapping[str, Any] | str | bytes) -> T:
    """The reverse of `dump`. Raises pydantic.ValidationError where the data is of another shape."""
    if isinstance(data, str | bytes):
        data = json.loads(data)
    loaded: T = _adapter(kind).validate_python(data)
    return loaded
