"""The timer's jobs, each isolated from the others: its own budget of time, its own failures.

A ring of the timer goes in; what the jobs do comes out, and an event of kind `job_failing` about a job that
has failed for an hour. A job that hangs in spite of its budget is left behind, and the next one has its turn.
On AWS one invocation runs all of them, the cheap ones first; on one machine each has a timer of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scheduler.follow import look_at_hunts
from scheduler.missed import look_for_missed
from scheduler.recover import look_for_lost
from scheduler.reminders import remind
from scheduler.webhook_check import watch
from shared.failures import describe
from shared.hosting.runtime import Runtime
from shared.http.deadlines import DeadlineExceeded, within
from shared.models.codec import dump
from shared.models.event_kinds import JOB_FAILING
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.queues import items
from shared.storage import kinds
from shared.storage.stored_times import is_future, why_unset

log = logging.getLogger(__name__)

# Seconds that a job may go on after its budget, to come to its end by itself.
_GRACE = 3.0
# Seconds for writing down how a job ended.
_NOTE_BUDGET = 5.0
# Seconds of a Lambda invocation that are kept for what comes after the jobs.
_KEPT_BACK = 15.0
# A job that has failed for so long, and more than once, is told.
TOLD_AFTER = timedelta(hours=1)
# A job that fails for half as long is told with it: a platform that does not answer fails several jobs.
_TOLD_ALONG = TOLD_AFTER / 2


@dataclass(frozen=True)
class Job:
    name: str
    run: Callable[[Runtime], object]
    budget: float  # seconds


def _missed(runtime: Runtime) -> None:
    """A start may take minutes, so it becomes an item of [captures]."""

    def start(name: str, due: datetime) -> None:
        event = {"hunt": name, "scheduled_at": due.isoformat()}
        runtime.captures.put(items.start(event), id=f"start:{Hunt(name, due).id}")

    look_for_missed(runtime, start)


def _tell(runtime: Runtime) -> None:
    """Tell of what has failed for long, and of what works again; each once."""
    now, notes = runtime.now(), runtime.ledger.notes.about(kinds.JOB_NOTES)
    untold = {
        name: body for name, body in sorted(notes.items()) if body["times"] > 1 and not body.get("told")
    }
    if any(now - _since(body, now) >= TOLD_AFTER for body in untold.values()):
        late = {name: body for name, body in untold.items() if now - _since(body, now) >= _TOLD_ALONG}
        _raise(
            runtime,
            late,
            [f"{name}, since {_minute(body['since'])}: {body['reason']}" for name, body in late.items()],
        )
        for name, body in late.items():
            runtime.ledger.notes.save(kinds.JOB_NOTES, name, body | {"told": True})
    if mended := {name: body for name, body in sorted(notes.items()) if body.get("mended")}:
        lines = [f"{name}, since {_minute(body['mended'])}" for name, body in mended.items()]
        _raise(runtime, mended, lines, mended=True)
        for name in mended:
            runtime.ledger.notes.delete(kinds.JOB_NOTES, name)


def _raise(
    runtime: Runtime, jobs: Mapping[str, dict[str, Any]], lines: Sequence[str], *, mended: bool = False
) -> None:
    names = ", ".join(jobs)
    first = min(body["since"] for body in jobs.values())
    event = Event(
        id=f"{JOB_FAILING}:{'+'.join(jobs)}:{first}{':mended' if mended else ''}",
        kind=JOB_FAILING,
        received_at=runtime.now(),
        title=names,
        text="\n".join(lines),
        mended=mended,
    )
    runtime.events.put(items.own_event(dump(event)), id=event.id)
    log.log(logging.INFO if mended else logging.ERROR, "%s: %s", "works again" if mended else "fails", names)


def _minute(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M} UTC"


# Jobs that need only the store and the queues come first; jobs that ask the platform come last. The sum of
# the budgets, each with its grace, leaves something of the 300 s that the function has on AWS.
MISSED = Job("missed", _missed, 15)
JOBS = (
    MISSED,
    Job("remind", remind, 15),
    Job("notices", lambda runtime: runtime.dead_letter_notices.count_abandoned(), 15),
    Job("heartbeats", lambda runtime: runtime.heartbeats.enqueue_due(), 10),
    Job("jobs", _tell, 10),
    Job("watch", watch, 20),
    Job("follow", look_at_hunts, 105),
    Job("recover", look_for_lost, 60),
)


class Jobs:
    """Runs jobs and remembers how they ended. Safe to use from several threads."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._hanging: dict[str, threading.Thread] = {}
        self._fine: set[str] = set()  # jobs of which nothing is written down

    def run_all(self, left: Callable[[], float] = lambda: float("inf")) -> None:
        """`left` says how many seconds there are for all of them."""
        for job in JOBS:
            self.run(job, min(job.budget, left() - _KEPT_BACK))

    def run(self, job: Job, budget: float | None = None) -> None:
        """Raises nothing: how it ended is in the log, and in the ledger where it failed. With a clock that
        cannot be right nothing is done, since the times that are written down would count as now."""
        if why := why_unset(self._runtime.now()):
            self._failed(job, why)
            return
        seconds = job.budget if budget is None else budget
        failure = self._run(job, seconds)
        if not failure and job.name in self._fine:
            return
        try:
            with within(_NOTE_BUDGET):
                self._write_down(job.name, failure)
        except Exception as error:  # noqa: BLE001 - the store may be what is broken
            log.warning("how the job %s ended cannot be written down: %s", job.name, describe(error))
        else:
            (self._fine.discard if failure else self._fine.add)(job.name)

    def _run(self, job: Job, seconds: float) -> str:
        """Why it failed, in words; empty where it did not."""
        if seconds < 1:
            return self._failed(job, "no time was left for it")
        if (before := self._hanging.get(job.name)) and before.is_alive():
            return self._failed(job, "the look before still hangs")
        failures: list[str] = []
        thread = threading.Thread(
            target=self._work, args=(job, seconds, failures), name=f"job-{job.name}", daemon=True
        )
        self._hanging[job.name] = thread
        thread.start()
        thread.join(seconds + _GRACE)
        if thread.is_alive():
            return self._failed(job, f"it still hangs after {seconds:.0f} s")
        del self._hanging[job.name]
        return self._failed(job, failures[0]) if failures else ""

    def _work(self, job: Job, seconds: float, failures: list[str]) -> None:
        try:
            with within(seconds):
                job.run(self._runtime)
        except DeadlineExceeded:
            failures.append(f"it was not done within {seconds:.0f} s")
        except Exception as error:  # noqa: BLE001 - told by the caller; no job may end the timer
            failures.append(describe(error))

    @staticmethod
    def _failed(job: Job, why: str) -> str:
        log.warning("the job %s failed: %s", job.name, why)
        return why

    def _write_down(self, name: str, failure: str) -> None:
        ledger, now = self._runtime.ledger, self._runtime.now()
        before = ledger.notes.get(kinds.JOB_NOTES, name)
        if failure:
            since = _since(before, now) if before else now
            after = before | {"since": since.isoformat(), "times": before.get("times", 0) + 1}
            ledger.notes.save(kinds.JOB_NOTES, name, after | {"reason": failure, "mended": ""})
        elif before.get("told"):
            if not before.get("mended"):
                log.info("the job %s works again", name)
                ledger.notes.save(kinds.JOB_NOTES, name, before | {"mended": now.isoformat()})
        elif before:
            ledger.notes.delete(kinds.JOB_NOTES, name)


def _since(body: dict[str, Any], now: datetime) -> datetime:
    since = datetime.fromisoformat(body["since"])
    return now if is_future(since, now) else since
