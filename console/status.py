"""How huntbridge is, in a few figures: the counts in the navigation, the signs below it, and the overview.

Every page shows some of them, so they are read once for all requests of a few seconds.
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
from shared.storage.queries.queries import Queries
from shared.storage.queries.trends import WeekTrend
from shared.storage.stored_times import within_last

FRESH = timedelta(seconds=3)
# For the frame of a page, whose own content is always read anew. On AWS the status costs eight requests.
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
    """With at most eight requests to DynamoDB. Raises StoreError."""
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
    )


class CachedStatus:
    """The status, kept for some time. Safe to use from several threads."""

    def __init__(self, read: Callable[[], Status], now: Callable[[], datetime]) -> None:
        self._read, self._now = read, now
        self._lock = threading.Lock()
        self._kept: Status | None = None

    def __call__(self, at_most: timedelta | None = None) -> Status:
        """The status of at most this long ago; by default, of a few seconds ago. Raises StoreError."""
        with self._lock:  # one thread reads, and the others wait for what it reads
            if self._kept is None or not within_last(at_most or FRESH, self._kept.at, self._now()):
                self._kept = self._read()
            return self._kept

    def forget(self) -> None:
        """Read again at the next call, since somebody has just changed something."""
        with self._lock:
            self._kept = None


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


def badges(status: Status) -> dict[str, Badge]:
    """The numbers of the navigation, by the name of the page."""
    not_taken = status.counts.open.get(Severity.MALICIOUS, 0)
    found = {
        "cases": Badge(not_taken, "malicious", f"malicious case{'s' if not_taken != 1 else ''} not taken"),
        "hunts": Badge(len(status.running), "busy", "in progress"),
        "deliveries": Badge(status.dead, "fault", f"dead letter{'s' if status.dead != 1 else ''}"),
    }
    return {name: badge for name, badge in found.items() if badge.count}


def signs(status: Status, now: datetime) -> Iterator[Sign]:
    failing = status.failing_jobs
    asked = [name for name in PLATFORM_JOBS if name in failing]
    yield Sign("Platform", *(("fault", "failing") if asked else ("ok", "answers")))
    yield _webhook(status, now)
    others = [name for name in failing if name not in PLATFORM_JOBS]
    yield Sign("Timer", *(("fault", f"{counted(len(others), 'job')} failing") if others else ("ok", "works")))
    yield _destinations(status)


def _webhook(status: Status, now: datetime) -> Sign:
    if status.webhook_broken:
        return Sign("Webhook", "fault", "leads elsewhere")
    if status.last_event is None:
        return Sign("Last event", "waiting", "none yet")
    return Sign("Last event", "ok", f"{span(now - status.last_event.at)} ago")


def _destinations(status: Status) -> Sign:
    count, down = len(status.destinations), len(status.failing)
    if not count:
        return Sign("Destinations", "fault", "none")
    if down:
        return Sign("Destinations", "fault", f"{down} of {count} failing")
    tried = any(each.last_delivered_at for each in status.destinations.values())
    return Sign("Destinations", *(("ok", f"{count} of {count}") if tried else ("waiting", "not tried")))


def unavailable() -> Sequence[Sign]:
    """The sign when the ledger does not answer."""
    return (Sign("Ledger", "fault", "no answer"),)
