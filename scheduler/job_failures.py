"""Stores which jobs of the timer fail, since when and why, and raises the event `job_failing`.

A job that has failed for an hour is reported once, and once more when it works again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from scheduler.own_events import raise_event
from shared.models.event_kinds import JOB_FAILING
from shared.models.events import Event
from shared.queues.ports import Queue
from shared.storage import kinds
from shared.storage.ledger.notes import Notes
from shared.storage.stored_times import is_future

log = logging.getLogger(__name__)

REPORTED_AFTER = timedelta(hours=1)
# An event about one job also reports the jobs that have failed for at least this long, because a platform
# that does not answer makes several jobs fail.
_REPORTED_ALONG = REPORTED_AFTER / 2


@dataclass(frozen=True)
class Failing:
    """A job that fails, or that has recovered and whose recovery is not reported yet."""

    since: datetime
    times: int = 0
    reason: str = ""
    reported: bool = False
    recovered_at: datetime | None = None

    def since_by(self, now: datetime) -> datetime:
        """`since`, or `now` if `since` is in the future: a wrong clock wrote it."""
        return now if is_future(self.since, now) else self.since

    @classmethod
    def load(cls, body: Mapping[str, Any]) -> Failing:
        return cls(
            datetime.fromisoformat(body["since"]),
            body["times"],
            body["reason"],
            bool(body.get("told")),
            datetime.fromisoformat(body["mended"]) if body.get("mended") else None,
        )

    def dump(self) -> dict[str, Any]:
        return {
            "since": self.since.isoformat(),
            "times": self.times,
            "reason": self.reason,
            "told": self.reported,
            "mended": self.recovered_at.isoformat() if self.recovered_at else "",
        }


class JobFailures:
    """The stored failures of all jobs. Safe to use from several threads."""

    def __init__(self, notes: Notes, events: Queue, now: Callable[[], datetime]) -> None:
        self._notes, self._events, self._now = notes, events, now

    def record(self, job: str, reason: str) -> None:
        """Store how a run of a job ended. An empty `reason` means that it succeeded."""
        now, body = self._now(), self._notes.get(kinds.JOB_NOTES, job)
        before = Failing.load(body) if body else None
        if reason:
            times, since = (before.times, before.since_by(now)) if before else (0, now)
            failing = replace(before or Failing(now), since=since, times=times + 1, reason=reason)
            self._save(job, replace(failing, recovered_at=None))
        elif before and before.reported:
            if not before.recovered_at:
                log.info("job works again", extra={"job": job})
                self._save(job, replace(before, recovered_at=now))
        elif before:
            self._notes.delete(kinds.JOB_NOTES, job)

    def report(self) -> None:
        """Raise an event about jobs that have failed for an hour, and one about jobs that work again."""
        now = self._now()
        jobs = {job: Failing.load(body) for job, body in sorted(self._notes.about(kinds.JOB_NOTES).items())}
        age = {job: now - failing.since_by(now) for job, failing in jobs.items()}
        unreported = [job for job, failing in jobs.items() if failing.times > 1 and not failing.reported]
        if any(age[job] >= REPORTED_AFTER for job in unreported):
            late = {job: jobs[job] for job in unreported if age[job] >= _REPORTED_ALONG}
            self._raise(
                late,
                [f"{job}, since {_minute(failing.since)}: {failing.reason}" for job, failing in late.items()],
            )
            for job, failing in late.items():
                self._save(job, replace(failing, reported=True))
        recovered = {job: failing for job, failing in jobs.items() if failing.recovered_at}
        if recovered:
            self._raise(
                recovered,
                [
                    f"{job}, since {_minute(failing.recovered_at)}"
                    for job, failing in recovered.items()
                    if failing.recovered_at
                ],
                recovered=True,
            )
            for job in recovered:
                self._notes.delete(kinds.JOB_NOTES, job)

    def _save(self, job: str, failing: Failing) -> None:
        self._notes.save(kinds.JOB_NOTES, job, failing.dump())

    def _raise(self, jobs: Mapping[str, Failing], lines: list[str], *, recovered: bool = False) -> None:
        first = min(failing.since for failing in jobs.values())
        event = Event(
            id=f"{JOB_FAILING}:{'+'.join(jobs)}:{first.isoformat()}{':mended' if recovered else ''}",
            kind=JOB_FAILING,
            received_at=self._now(),
            title=", ".join(jobs),
            text="\n".join(lines),
            mended=recovered,
        )
        raise_event(self._events, event)
        level, sentence = (logging.INFO, "jobs work again") if recovered else (logging.ERROR, "jobs fail")
        log.log(level, sentence, extra={"jobs": event.title})


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
