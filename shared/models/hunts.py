"""A hunt and the report about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.models.captures import Capture
from shared.models.cost import CostEstimate
from shared.models.intelligence import InForce
from shared.models.quiet_findings import Quiet
from shared.models.states import CaptureState
from shared.models.states import HuntState as HuntState
from shared.models.systems import System
from shared.models.vulnerabilities import FoundVulnerabilities


@dataclass(frozen=True)
class HuntTotals:
    """The result of a hunt in numbers, as they were when it ended."""

    captured: int = 0
    failed: int = 0
    with_alarms: int = 0  # systems that have malicious or suspicious alarms
    malicious: int = 0
    suspicious: int = 0

    @classmethod
    def of(cls, captures: Collection[Capture]) -> HuntTotals:
        return cls(
            captured=sum(capture.state is CaptureState.PROCESSED for capture in captures),
            failed=sum(capture.state is CaptureState.FAILED for capture in captures),
            with_alarms=sum(bool(capture.malicious or capture.suspicious) for capture in captures),
            malicious=sum(capture.malicious for capture in captures),
            suspicious=sum(capture.suspicious for capture in captures),
        )


@dataclass(frozen=True)
class Hunt:
    """One run of a hunt definition. Its id is made of its name and its scheduled time."""

    name: str
    scheduled_at: datetime
    state: HuntState = HuntState.PLANNED
    mode: str = "full"  # full | triage | scan
    project_id: int | None = None
    systems: int = 0
    attempt: int = 1  # one more for each restart after the hunt failed as a whole
    problems: tuple[str, ...] = ()  # sentences about parts of the definition that could not be used
    left_out: tuple[str, ...] = ()  # sentences with the numbers of systems that it leaves out, and why
    reason: str = ""  # why it failed
    trigger: str = ""  # what started it: the schedule, a person at the command line, a finding
    config_hash: str = ""  # SHA-256 of the definition that it was planned from
    began_at: datetime | None = None  # when it got its turn among the hunts of its name
    created_at: datetime | None = None
    finished_at: datetime | None = None
    stopped_by: str = ""  # who stopped it; it is over when its running captures have ended
    totals: HuntTotals | None = None  # None while it is not over; earlier versions did not store them
    intelligence: InForce | None = None  # None: the configuration has none for it
    cost: CostEstimate | None = None  # what it was expected to cost when it was planned
    needs_intelligence: bool = False  # it does not begin unless its intelligence is in force
    limited_to: str = ""  # what a person limited the run to, in words; empty: to nothing

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


def hunt_name(hunt_id: str) -> str:
    """The name in a hunt's id, such as `weekly` in `weekly@2026-11-22T02:00:00Z`; empty for other texts."""
    return hunt_id.rpartition("@")[0]


def hunt_time(hunt_id: str) -> str:
    """The scheduled time in a hunt's id, as it is written there."""
    return hunt_id.rpartition("@")[2]


# With this many lines, the report of 10,000 systems fits into one queue item.
MAX_REPORT_LINES = 200
COVERAGE_DAYS = 30  # see `HuntReport.covered`


@dataclass(frozen=True)
class CaptureResult:
    """One line of a hunt's report."""

    system: System
    state: CaptureState
    malicious: int = 0
    suspicious: int = 0
    reason: str = ""
    name: str = ""  # the instance's Name tag, if an earlier alarm has looked it up
    new: int = 0  # how many more alarms than in the previous hunt of this name
    disks: int = 0  # whose alarms the counts add up; 0: not known, or not captured as disks


@dataclass(frozen=True)
class HuntReport:
    """The result of one hunt. The totals count all systems; `captures` holds only the worst."""

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
    left_out: tuple[str, ...] = ()  # sentences, as in `Hunt`
    since: datetime | None = None  # when the last finished hunt of this name was scheduled
    new_alarms: int = 0  # how many more alarms than in that hunt, in all systems
    new_with: int = 0  # how many systems have new alarms
    slowest: CaptureResult | None = None
    slowest_seconds: float = 0.0  # of `slowest`, from its request to its end
    stopped: bool = False  # a person stopped it
    covered: int | None = None  # how many of its systems were captured in the last COVERAGE_DAYS days
    quiet: Quiet = field(default_factory=Quiet)  # what people were not told of, once its event is handled
    vulnerabilities: FoundVulnerabilities | None = None  # None: the platform does not say
    intelligence: InForce | None = None
    cost: CostEstimate | None = None  # as it was estimated before the hunt began
    came_to: CostEstimate | None = None
