"""How huntbridge is, in a few figures: the counts in the navigation, the signs below it, and the overview.

Every page shows them, so they are read once for all requests of a few seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.filters import counted, span
from scheduler.job_failures import Failing
from shared.config.config import Config
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.storage import kinds
from shared.storage.ledger.notes import Notes
from shared.storage.queries.cases import CaseCounts
from shared.storage.queries.deliveries import DestinationHealth
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.queries import Queries
from shared.storage.stored_times import within_last

KEPT = timedelta(seconds=3)
RUNS = 20  # of the last runs, among which the running ones are
# The jobs that ask the platform. If all that failed are among them, the platform does not answer.
PLATFORM_JOBS = ("follow", "recover", "watch")


@dataclass(frozen=True)
class Status:
    """What was read at one moment."""

    at: datetime
    counts: CaseCounts
    destinations: Mapping[str, DestinationHealth]  # by name, in the order of the configuration
    runs: tuple[Hunt, ...]  # the last runs of all hunts, the newest first
    jobs: Mapping[str, Failing]  # the timer's jobs that fail, by name
    webhook_checked: bool  # whether the platform's webhooks were checked
    webhook_broken: bool
    last_event: EventRow | None

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
    def failing(self) -> dict[str, DestinationHealth]:
        """The destinations that fail, by name."""
        return {name: each for name, each in self.destinations.items() if each.failing_since}

    @property
    def failing_jobs(self) -> dict[str, Failing]:
        return {name: job for name, job in self.jobs.items() if job.recovered_at is None}


def read_status(queries: Queries, notes: Notes, config: Config, now: datetime) -> Status:
    """Raises StoreError."""
    webhook = notes.get(kinds.WEBHOOK_NOTES, "webhook")
    return Status(
        at=now,
        counts=queries.cases.counts(),
        destinations=queries.deliveries.by_destination(config.destinations),
        runs=queries.hunts.runs(limit=RUNS).rows,
        jobs={name: Failing.load(body) for name, body in notes.about(kinds.JOB_NOTES).items()},
        webhook_checked=bool(webhook),
        webhook_broken=bool(webhook.get("broken")),
        last_event=next(iter(queries.events.list(limit=1).rows), None),
    )


class CachedStatus:
    """The status, which is at most a few seconds old. Safe to use from several threads."""

    def __init__(
        self, read: Callable[[], Status], now: Callable[[], datetime], kept: timedelta = KEPT
    ) -> None:
        self._read, self._now, self._for = read, now, kept
        self._lock = threading.Lock()
        self._kept: Status | None = None

    def __call__(self) -> Status:
        """Raises StoreError."""
        with self._lock:  # one thread reads, and the others wait for what it reads
            if self._kept is None or not within_last(self._for, self._kept.at, self._now()):
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
