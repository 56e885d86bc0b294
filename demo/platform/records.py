"""What the simulated platform holds: its made-up fleet, projects, pipelines, evidence and alarms.

All times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

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
    # Found only while the platform holds this custom rule, or this indicator in the project or globally.
    by_rule: str = ""
    by_indicator: str = ""
    said: str = ""  # what was written beside that indicator

    @property
    def type(self) -> str:
        return "event" if self.of_log or not self.path else "content"

    def found_in(self, hunt: int) -> bool:
        return self.first <= hunt and (self.last is None or hunt <= self.last)


@dataclass(frozen=True)
class SimVolume:
    """One disk and the alarms that its processing finds. With `fails` its processing fails instead. For a
    container and a function it is all that is collected."""

    volume_id: str
    gb: int = 8
    alarms: tuple[SimAlarm, ...] = ()
    fails: str = ""


@dataclass(frozen=True)
class SimVulnerability:
    """A vulnerability of a package, which is found from the `first` to the `last` hunt of its machine."""

    cve: str
    severity: str = "critical"
    package: str = "openssl"
    installed: str = "1.0.1"
    fixed: str = ""  # the version that mends it
    title: str = ""
    target: str = "debian 12"
    in_use: str = "undetermined"  # true | false | undetermined
    first: int = 1
    last: int | None = None

    def found_in(self, hunt: int) -> bool:
        return self.first <= hunt and (self.last is None or hunt <= self.last)


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
    vulnerabilities: tuple[SimVulnerability, ...] = ()

    @property
    def provider(self) -> str:
        return "aws"


@dataclass(frozen=True)
class SimSystem:
    """One system of another kind than EC2. With `fails` its acquisition fails for that reason.

    `parts` say where it is and what it is called:
    * azure_vm: subscription, group, vm
    * gce: project, zone, vm
    * ecs: region, cluster, task, container
    * eks: region, cluster, namespace, pod, container
    * aks: subscription, group, cluster, namespace, pod, container
    * gke: project, zone, cluster, namespace, pod, container
    * lambda: region, function
    """

    kind: str
    account: str
    parts: Mapping[str, str]
    volumes: tuple[SimVolume, ...] = ()
    os: str = "Linux"
    hostname: str = ""
    location: str = "westeurope"  # of an Azure machine
    state: str = "RUNNING"  # a Google machine that is stopped is TERMINATED
    type: str = "e2-medium"  # of a Google machine
    tags: Mapping[str, str] = field(default_factory=dict)
    image: str = ""  # of a container; of a function Zip or Image
    importable: bool = True  # of an ECS task: it was started with enableExecuteCommand
    online: bool = True  # of an ECS container
    private: bool = False  # its cluster is
    fails: str = ""
    vulnerabilities: tuple[SimVulnerability, ...] = ()

    def __post_init__(self) -> None:
        if not self.volumes:
            object.__setattr__(self, "volumes", (SimVolume(f"{self.name}_disk"),))

    @property
    def name(self) -> str:
        return list(self.parts.values())[-1]

    @property
    def instance_id(self) -> str:
        """Unique in the world; the name by which `Platform.asked` counts."""
        parts = "/".join(quote(part, safe="") for part in (self.account, *self.parts.values()))
        return f"{self.kind}:{parts}"

    @property
    def provider(self) -> str:
        return {"azure_vm": "azure", "aks": "azure", "gce": "gcp", "gke": "gcp"}.get(self.kind, "aws")

    @property
    def has_pods(self) -> bool:
        return "pod" in self.parts


Machine = SimInstance | SimSystem


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
    ioc: str = ""  # its own indicators


@dataclass
class Step:
    name: str
    key: str
    takes: float
    state: str = "PENDING"
    started: float = 0.0
    finished: float = 0.0
    text: tuple[str, ...] = ()


@dataclass
class About:
    """What the platform says about itself. Tests change it."""

    license_level: str = "FULL"  # FULL | TRIAGE_ONLY | RESTRICTED
    license_expires: str = "2036-01-01"
    local_workers: bool = False
    custom_yara: bool = True
    custom_iocs: bool = True
    supports_aws: bool = True
    supports_azure: bool = True
    # By account, what its last check found: the service and the issue.
    account_issues: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Import:
    """The request for one acquisition."""

    instance: Machine
    triage: bool = False  # by Cado Host: one evidence for the whole system
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
    in_one: bool = False  # an acquisition that also processes; it names its evidence when it has ended

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
    instance: Machine
    resource_id: str
    resource_type: str  # EBS | EC2 | Compute Resource | …
    parent_id: str
    gb: int
    created: float
    malicious: int = 0
    suspicious: int = 0
    items: int = 0
    processed: float | None = None
    triage: bool = False
    account_type: str = "AWS"
    holds: tuple[SimAlarm, ...] = ()  # what processing can find in it


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
