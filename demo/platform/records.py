"""What the simulated platform holds: its made-up fleet, projects, pipelines, evidence and alarms.

All times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

MALICIOUS, SUSPICIOUS = 1, 3  # the platform's severity numbers; 10 means any other severity


@dataclass(frozen=True)
class SimAlarm:
    """One kind of alarm and how often it is found: in a file, or in the events of a log.

    The same `content` is the same file for the platform, in every hunt. Without it, the path stands for the
    content. It is found from the `first` to the `last` hunt of its machine, counted from 1.
    """

    description: str
    severity: int = MALICIOUS
    count: int = 1
    attack: tuple[str, ...] = ()
    path: str = ""  # of the file, or of the log
    content: str = ""
    of_log: bool = False  # without a path it always is
    first: int = 1
    last: int | None = None

    @property
    def type(self) -> str:
        return "event" if self.of_log or not self.path else "content"

    def found_in(self, hunt: int) -> bool:
        return self.first <= hunt and (self.last is None or hunt <= self.last)


@dataclass(frozen=True)
class SimVolume:
    """One EBS volume and the alarms that its processing finds. With `fails` its processing fails instead."""

    volume_id: str
    gb: int = 8
    alarms: tuple[SimAlarm, ...] = ()
    fails: str = ""


@dataclass(frozen=True)
class SimInstance:
    """One EC2 instance that the platform can see. With `fails` its acquisition fails for that reason."""

    instance_id: str
    name: str
    region: str
    account: str = "Default"
    os: str = "Linux"
    hostname: str = ""
    volumes: tuple[SimVolume, ...] = ()
    importable: bool = True
    fails: str = ""


@dataclass(frozen=True)
class User:
    id: int
    role: str

    @property
    def name(self) -> str:
        return self.role.lower().replace(" ", ".")


@dataclass
class Project:
    id: int
    name: str
    description: str
    created: float
    last_update: float
    last_acquisition: float | None = None


@dataclass
class Step:
    name: str
    key: str
    takes: float
    state: str = "PENDING"
    started: float = 0.0
    finished: float = 0.0
    text: tuple[str, ...] = ()


@dataclass(frozen=True)
class Import:
    """The request for one acquisition."""

    instance: SimInstance
    triage: bool = False  # by Cado Host over SSM: one evidence for the whole instance
    skip_processing: bool = False
    scan_only: bool = False


@dataclass(eq=False)
class Pipeline:
    id: int
    type: str
    name: str
    project_id: int
    user: User
    created: float
    steps: list[Step]
    fails: str = ""
    evidence_id: int | None = None
    triggered_by: int | None = None
    asked: Import | None = None  # for an acquisition
    finds: tuple[SimAlarm, ...] = ()  # for a processing
    state: str = "queued"
    started: float | None = None
    aborted: bool = False

    @property
    def ended(self) -> bool:
        return self.state in ("complete", "failed", "cancelled")

    @property
    def due(self) -> float:
        """The time at which the running step ends."""
        return next(s.started + s.takes for s in self.steps if s.state == "RUNNING")


@dataclass
class Evidence:
    id: int
    project_id: int
    name: str
    instance: SimInstance
    resource_id: str
    resource_type: str  # EBS | EC2
    parent_id: str
    gb: int
    created: float
    malicious: int = 0
    suspicious: int = 0
    items: int = 0
    processed: float | None = None


@dataclass(frozen=True)
class Alarm:
    id: int
    project_id: int
    evidence_id: int
    evidence_name: str
    hostname: str
    item_id: str
    kind: SimAlarm
    seen: float


@dataclass(frozen=True)
class Occurrence:
    """Something that webhooks report."""

    event_type: str
    title: str
    text: str
