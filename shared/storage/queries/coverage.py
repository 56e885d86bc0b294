"""Which systems were captured, and when: by system and week, and in sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from shared.models.coverage import Outcome, Unselected
from shared.models.systems import System
from shared.storage.ports import Store
from shared.storage.queries.pages import Rows

WEEKS = 12


@dataclass(frozen=True)
class WeekOutcome:
    """The worst outcome of one system in one ISO week."""

    start: date  # the Monday
    outcome: Outcome


@dataclass(frozen=True)
class SystemCoverage:
    """One system and the outcomes of its captures."""

    system_key: str
    system: System
    name: str  # the instance's name; empty if it is not known
    weeks: tuple[WeekOutcome, ...]  # the last 12, oldest first
    last_captured_at: datetime | None = None  # the last capture that succeeded
    last_attempt_at: datetime | None = None
    last_reason: str = ""  # why the last attempt failed; empty if it did not
    failures_in_a_row: int = 0
    hunts: tuple[str, ...] = ()  # the names of the hunts that captured it, the last one first


@dataclass(frozen=True)
class CoverageSummary:
    """How many systems are hunted."""

    captured: int  # known systems with a successful capture in the last 30 days (COVERAGE_DAYS)
    known: int  # systems that a hunt ever captured or tried to
    listed: int | None = None  # machines that EC2 lists; None: it was not asked, or refused
    unselected: tuple[Unselected, ...] = ()  # listed machines that no hunt selects; at most 500
    unselected_total: int = 0
    at: datetime | None = None  # when EC2 was asked
    problems: tuple[str, ...] = ()  # sentences: why the list is missing or incomplete


@dataclass(frozen=True)
class TechniqueTrend:
    """How often findings with one ATT&CK technique were reported, by week."""

    id: str  # such as T1059.004
    name: str  # empty if the id is not known
    tactic: str  # such as Execution; empty if it is not known
    counts: tuple[int, ...]  # one for each week, oldest first; the last one is the present week

    @property
    def total(self) -> int:
        return sum(self.counts)


class CoverageQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def systems(self, *, limit: int = 50, page: str = "") -> Rows[SystemCoverage]:
        """The known systems. Those that were never captured come first, then the least recently captured."""
        raise NotImplementedError

    def summary(self) -> CoverageSummary:
        raise NotImplementedError

    def techniques(self, weeks: int = WEEKS) -> tuple[TechniqueTrend, ...]:
        """The most frequent first."""
        raise NotImplementedError
