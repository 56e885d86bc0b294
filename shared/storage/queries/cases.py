"""Lists of cases, everything about one case, and how many are open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage.audit import Entry
from shared.storage.ports import Store
from shared.storage.queries.deliveries import DeliveryRow
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.pages import Rows

OPEN, ACKNOWLEDGED, CLOSED = "open", "acknowledged", "closed"


@dataclass(frozen=True)
class CaseRow:
    """One case, as lists and its own page show it."""

    key: str
    state: str  # one of the texts above
    severity: Severity
    title: str
    system: System | None
    name: str  # the instance's name; empty if it is not known
    malicious: int
    suspicious: int
    findings: tuple[Finding, ...]  # worst first
    opened_at: datetime
    last_at: datetime  # when its last alarm came
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    verdict: str = ""  # true_positive, benign or false_positive; empty if it is not closed
    closed_by: str = ""
    closed_at: datetime | None = None
    why: str = ""  # what the person wrote who closed it
    told: tuple[str, ...] = ()  # destinations
    hunt_id: str = ""
    project_id: int | None = None
    worst: str = ""  # the description of the worst finding
    refs: Mapping[str, str] = field(default_factory=dict)  # what each destination gave, such as a Jira key
    alarms: int = 0  # how many alarms it has


@dataclass(frozen=True)
class TimelineEntry:
    """One thing that happened in a case. Exactly one of the three is set."""

    at: datetime
    event: EventRow | None = None
    delivery: DeliveryRow | None = None
    audit: Entry | None = None


@dataclass(frozen=True)
class CaseCounts:
    """How many cases are not closed. `open` are those that nobody has acknowledged."""

    open: Mapping[Severity, int]
    acknowledged: Mapping[Severity, int]
    under_a_day: int = 0  # the age of open and acknowledged cases
    one_to_seven_days: int = 0
    over_seven_days: int = 0
    oldest_open_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.open.values()) + sum(self.acknowledged.values())


class CaseQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def open(
        self,
        *,
        severity: Severity | None = None,
        owner: str | None = None,
        limit: int = 50,
        page: str = "",
    ) -> Rows[CaseRow]:
        """The cases that are not closed, worst first, and of equally bad ones the oldest first. `owner`: only
        those that this person acknowledged; with an empty text, only those that nobody acknowledged."""
        raise NotImplementedError

    def closed(self, *, since: datetime | None = None, limit: int = 50, page: str = "") -> Rows[CaseRow]:
        """The closed cases, the one that was closed last first."""
        raise NotImplementedError

    def of_system(self, system_key: str, limit: int = 50, page: str = "") -> Rows[CaseRow]:
        """The cases of one system, newest first."""
        raise NotImplementedError

    def get(self, case_key: str) -> CaseRow | None:
        raise NotImplementedError

    def timeline(self, case_key: str, limit: int = 200, page: str = "") -> Rows[TimelineEntry]:
        """The events, deliveries and entries of the audit log of a case, oldest first."""
        raise NotImplementedError

    def counts(self) -> CaseCounts:
        raise NotImplementedError
