"""Runs the timer's jobs. Each job has its own time budget. If a job fails, the others still run.

If a job hangs in spite of its budget, its thread is abandoned and the next job runs. On AWS one invocation
runs all jobs in this order; on one machine each job has its own timer.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from scheduler.coverage import compare_with_ec2
from scheduler.daily_check import begin_daily_check
from scheduler.day_counts import count_day
from scheduler.due_digests import queue_due_digests
from scheduler.ending_mutes import tell_ending_mutes
from scheduler.expire import expire
from scheduler.follow import follow_hunts
from scheduler.index_old_documents import index_old_documents
from scheduler.job_failures import JobFailures
from scheduler.look_at_issues import look_at_issues
from scheduler.missed import start_or_report_missed
from scheduler.monthly_report import send_monthly_report
from scheduler.recover_lost_webhooks import recover_lost_alarms
from scheduler.reminders import send_reminders
from scheduler.trends import count_events
from scheduler.webhook_check import check_webhook
from shared.failures import attempt_each, describe
from shared.hosting.runtime import Runtime
from shared.http.deadlines import DeadlineExceeded, within
from shared.metrics.definitions import JOB_FAILURES, JOB_LAST_RUN, JOB_LAST_SUCCESS
from shared.storage.stored_times import why_unset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One job of the timer, with its budget in seconds."""

    name: str  # stored while the job fails, and shown to people
    run: Callable[[Runtime], object]
    budget: float  # seconds
    at_least_every: float = math.inf  # seconds between two runs on one machine, whatever `follow.interval` is


def _due(runtime: Runtime) -> None:
    parts: tuple[tuple[str, Callable[[Runtime], None]], ...] = (
        ("cases", send_reminders),
        ("digests", queue_due_digests),
    )
    attempt_each(parts, lambda part: part[1](runtime), lambda part: part[0])


def _count(runtime: Runtime) -> None:
    count_events(runtime)
    count_day(runtime)


def _report(runtime: Runtime) -> None:
    send_monthly_report(runtime)
    tell_ending_mutes(runtime)


def _tend_documents(runtime: Runtime) -> None:
    index_old_documents(runtime)
    expire(runtime)


def _report_failures(runtime: Runtime) -> None:
    _failures(runtime).report()


# Jobs that need only the store and the queues come first; jobs that ask the platform come last. The sum of
# the budgets, each with its grace, is less than the 300 s that the function has on AWS.
MISSED = Job("missed", start_or_report_missed, 15)
JOBS = (
    MISSED,
    Job("remind", _due, 10, at_least_every=30.0),  # what is due is told within a minute
    Job("notices", lambda runtime: runtime.dead_letter_notices.count_abandoned(), 10),
    Job("heartbeats", lambda runtime: runtime.heartbeats.enqueue_due(), 8),
    Job("report", _report, 8),
    Job("trends", _count, 8),
    Job("index", _tend_documents, 10),
    Job("jobs", _report_failures, 8),
    Job("checks", begin_daily_check, 5),
    Job("issues", look_at_issues, 8, at_least_every=60.0),
    Job("watch", check_webhook, 15),
    Job("follow", follow_hunts, 72),
    Job("recover", recover_lost_alarms, 41),
    Job("coverage", compare_with_ec2, 25),
)

# After its budget a job has this many seconds to end by itself.
_GRACE = 3.0
# Seconds for storing how a job ended.
_NOTE_BUDGET = 5.0
# Seconds of a Lambda invocation that are reserved for the work after the jobs.
_KEPT_BACK = 15.0


class Jobs:
    """Runs jobs and stores how they ended. Safe to use from several threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._hanging: dict[str, threading.Thread] = {}
        self._succeeded: set[str] = set()  # jobs whose last run succeeded and was recorded as such

    def run_all(self, left: Callable[[], float] = lambda: float("inf")) -> None:
        """Run every job. `left` returns how many seconds are left for all of them together."""
        for job in JOBS:
            self.run(job, min(job.budget, left() - _KEPT_BACK))

    def run(self, job: Job, budget: float | None = None) -> None:
        """Run one job. Raises nothing; a failure is logged and stored. While the clock is not set, no job
        runs, since the times that it would store are wrong."""
        if why := why_unset(self._runtime.now()):
            _log_failure(job, why)
            JOB_FAILURES.add(timer_job=job.name)
            return
        failure = self._run(job, job.budget if budget is None else budget)
        self._measure(job, failure)
        if failure:
            _log_failure(job, failure)
        elif job.name in self._succeeded:
            return
        try:
            with within(_NOTE_BUDGET):
                _failures(self._runtime).record(job.name, failure)
        except Exception as error:  # noqa: BLE001 - the store itself may be unavailable
            log.warning("result of a job not stored", extra={"job": job.name, "reason": describe(error)})
        else:
            (self._succeeded.discard if failure else self._succeeded.add)(job.name)

    def _measure(self, job: Job, failure: str) -> None:
        now = self._runtime.now().timestamp()
        JOB_LAST_RUN.set(now, timer_job=job.name)
        if failure:
            JOB_FAILURES.add(timer_job=job.name)
        else:
            JOB_LAST_SUCCESS.set(now, timer_job=job.name)

    def _run(self, job: Job, seconds: float) -> str:
        """Why the job failed, in words; empty if it succeeded."""
        if seconds < 1:
            return "no time was left for it"
        if (before := self._hanging.get(job.name)) and before.is_alive():
            return "the previous run of this job still hangs"
        failures: list[str] = []
        thread = threading.Thread(
            target=self._work, args=(job, seconds, failures), name=f"job-{job.name}", daemon=True
        )
        self._hanging[job.name] = thread
        thread.start()
        thread.join(seconds + _GRACE)
        if thread.is_alive():
            return f"it still hangs after {seconds:.0f} s"
        del self._hanging[job.name]
        return failures[0] if failures else ""

    def _work(self, job: Job, seconds: float, failures: list[str]) -> None:
        try:
            with within(seconds):
                job.run(self._runtime)
        except DeadlineExceeded:
            failures.append(f"it was not done within {seconds:.0f} s")
        except Exception as error:  # noqa: BLE001 - the caller logs it; no job may end the timer
            failures.append(describe(error))


def _failures(runtime: Runtime) -> JobFailures:
    return JobFailures(runtime.ledger.notes, runtime.events, runtime.now)


def _log_failure(job: Job, reason: str) -> None:
    log.warning("job failed", extra={"job": job.name, "reason": reason})
