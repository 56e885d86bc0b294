"""How huntbridge is, in a few figures: the counts in the navigation, the signs below it, and the overview.

Every page shows some of them, the pulse. They are read once for all requests of a few seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.filters import counted, span
from scheduler.job_failures import Failing
from scheduler.timer import JOBS
from shared.config.config import Config
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.storage.ledger.day_counts import DayCounts
from shared.storage.ledger.refusals import Refused
from shared.storage.queries.cases import CaseCounts, CaseRow
from shared.storage.queries.coverage import CoverageSummary
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.overview import DestinationState
from shared.storage.queries.pulse import NAMES
from shared.storage.queries.queries import Queries
from shared.storage.queries.trends import WeekTrend
from shared.storage.stored_times import within_last

FRESH = timedelta(seconds=3)
# For the frame of a page, whose own content is always read anew.
FOR_FRAME = timedelta(seconds=20)
JOB_NAMES = (*(job.name for job in JOBS), "clock")
# The jobs that ask the platform. If all that failed are among them, the platform does not answer.
PLATFORM_JOBS = ("follow", "recover", "watch")


@dataclass(frozen=True)
class Status:
    """The state of huntbridge, as it was read from the store at `at`."""

    at: datetime
    counts: CaseCounts
    cases: tuple[CaseRow, ...]  # the worst ones that are not closed, without references
    not_taken: tuple[CaseRow, ...]  # malicious cases that are not acknowledged, oldest first
    destinations: Mapping[str, DestinationState]  # by name, in the order of the configuration
    runs: tuple[Hunt, ...]  # the last run of each hunt, the newest first
    jobs: Mapping[str, Failing]  # the timer's jobs that fail, by name
    webhook_checked: bool  # whether the platform's webhooks were checked
    webhook_broken: bool
    last_event: EventRow | None
    coverage: CoverageSummary
    weeks: tuple[WeekTrend, ...]  # the last twelve, oldest first
    refused: tuple[Refused, ...] = ()  # webhooks of the last 24 hours, the newest first
    day: DayCounts | None = None  # what happened in 24 hours; None: nobody has counted yet
    hunts_running: int = 0  # those that are planned or running

    @property
    def running(self) -> tuple[Hunt, ...]:
        return tuple(run for run in self.runs if not run.over)

    @property
    def waiting(self) -> int:
        return sum(each.waiting for each in self.destinations.values())

    @property
    def dead(self) -> int:
        return sum(each.dead for each in self.destinations.values())

    @property
    def failing(self) -> dict[str, DestinationState]:
        """The destinations that fail, by name."""
        return {name: each for name, each in self.destinations.items() if each.failing_since}

    @property
    def failing_jobs(self) -> dict[str, Failing]:
        return {name: job for name, job in self.jobs.items() if job.recovered_at is None}


def read_status(queries: Queries, config: Config) -> Status:
    """Raises StoreError."""
    found = queries.overview(config.destinations, config.hunts, JOB_NAMES)
    return Status(
        at=found.at,
        counts=found.counts,
        cases=found.cases,
        not_taken=found.not_taken,
        destinations=found.destinations,
        runs=found.runs,
        jobs={name: Failing.load(body) for name, body in found.jobs.items()},
        webhook_checked=bool(found.webhook),
        webhook_broken=bool(found.webhook.get("broken")),
        last_event=found.last_event,
        coverage=found.coverage,
        weeks=found.weeks,
        refused=found.refused,
        day=found.day,
        hunts_running=found.hunts_running,
    )


@dataclass(frozen=True)
class Pulse:
    """What the frame of every page shows of the status."""

    at: datetime
    malicious_not_taken: int  # cases
    hunts_running: int
    dead: int  # deliveries
    destinations: int
    failing: int  # destinations
    has_delivered: bool
    failing_jobs: Sequence[str]
    webhook_broken: bool
    last_event_at: datetime | None


def read_pulse(queries: Queries, config: Config) -> Pulse:
    """Reads less than a whole status, so that a page that needs no more costs few requests. Raises
    StoreError."""
    found = queries.pulse(config.destinations, JOB_NAMES)
    jobs = {name: Failing.load(body) for name, body in found.jobs.items()}
    return Pulse(
        at=found.at,
        malicious_not_taken=found.malicious_not_taken,
        hunts_running=found.hunts_running,
        dead=found.dead,
        destinations=min(len(config.destinations), NAMES),
        failing=len(found.failing),
        has_delivered=found.has_delivered,
        failing_jobs=tuple(name for name, job in jobs.items() if job.recovered_at is None),
        webhook_broken=bool(found.webhook.get("broken")),
        last_event_at=found.last_event_at,
    )


def pulse_of(status: Status) -> Pulse:
    return Pulse(
        at=status.at,
        malicious_not_taken=status.counts.open.get(Severity.MALICIOUS, 0),
        hunts_running=status.hunts_running,
        dead=status.dead,
        destinations=len(status.destinations),
        failing=len(status.failing),
        has_delivered=any(each.last_delivered_at for each in status.destinations.values()),
        failing_jobs=tuple(status.failing_jobs),
        webhook_broken=status.webhook_broken,
        last_event_at=status.last_event.at if status.last_event else None,
    )


class CachedStatus:
    """The status and the pulse, kept for some time. Safe to use from several threads."""

    def __init__(
        self,
        read: Callable[[], Status],
        read_pulse: Callable[[], Pulse],
        now: Callable[[], datetime],
    ) -> None:
        self._read, self._read_pulse, self._now = read, read_pulse, now
        self._lock = threading.RLock()  # what reads the status asks `has_pulse`
        self._status: Status | None = None
        self._pulse: Pulse | None = None

    def __call__(self) -> Status:
        """The status of at most a few seconds ago. Raises StoreError."""
        with self._lock:  # one thread reads, and the others wait for what it reads
            if self._status is None or not within_last(FRESH, self._status.at, self._now()):
                self._status = self._read()
                self._pulse = pulse_of(self._status)
            return self._status

    def pulse(self) -> Pulse:
        """The pulse, for the frame of a page. Raises StoreError."""
        with self._lock:
            if self._pulse is None or not self._is_fresh(self._pulse):
                self._pulse = self._read_pulse()
            return self._pulse

    def has_pulse(self) -> bool:
        """Whether `pulse` need not read anything."""
        with self._lock:
            return self._pulse is not None and self._is_fresh(self._pulse)

    def _is_fresh(self, pulse: Pulse) -> bool:
        return within_last(FOR_FRAME, pulse.at, self._now())

    def forget(self) -> None:
        """Read again at the next call, since somebody has just changed something."""
        with self._lock:
            self._status = self._pulse = None


@dataclass(frozen=True)
class Badge:
    """A number in the navigation."""

    count: int
    shape: str
    word: str  # for screen readers, after the number


@dataclass(frozen=True)
class Sign:
    """One line below the navigation."""

    name: str
    shape: str
    text: str


def badges(pulse: Pulse) -> dict[str, Badge]:
    """The numbers of the navigation, by the name of the page."""
    not_taken, dead = pulse.malicious_not_taken, pulse.dead
    found = {
        "cases": Badge(not_taken, "malicious", f"malicious case{'s' if not_taken != 1 else ''} not taken"),
        "hunts": Badge(pulse.hunts_running, "busy", "in progress"),
        "deliveries": Badge(dead, "fault", f"dead letter{'s' if dead != 1 else ''}"),
    }
    return {name: badge for name, badge in found.items() if badge.count}


def signs(pulse: Pulse, now: datetime) -> Iterator[Sign]:
    asked = [name for name in PLATFORM_JOBS if name in pulse.failing_jobs]
    yield Sign("Platform", *(("fault", "failing") if asked else ("ok", "answers")))
    yield _webhook(pulse, now)
    others = [name for name in pulse.failing_jobs if name not in PLATFORM_JOBS]
    yield Sign("Timer", *(("fault", f"{counted(len(others), 'job')} failing") if others else ("ok", "works")))
    yield _destinations(pulse)


def _webhook(pulse: Pulse, now: datetime) -> Sign:
    if pulse.webhook_broken:
        return Sign("Webhook", "fault", "leads elsewhere")
    if pulse.last_event_at is None:
        return Sign("Last event", "waiting", "none yet")
    return Sign("Last event", "ok", f"{span(now - pulse.last_event_at)} ago")


def _destinations(pulse: Pulse) -> Sign:
    count, down = pulse.destinations, pulse.failing
    if not count:
        return Sign("Destinations", "fault", "none")
    if down:
        return Sign("Destinations", "fault", f"{down} of {count} failing")
    tried = ("ok", f"{count} of {count}") if pulse.has_delivered else ("waiting", "not tried")
    return Sign("Destinations", *tried)


def unavailable() -> Sequence[Sign]:
    """The sign when the ledger does not answer."""
    return (Sign("Ledger", "fault", "no answer"),)
