"""One run of a hunt as lists show it: its state in words, its mark, and its totals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduler.start import BY_HAND
from shared.config.config import Config
from shared.models.hunts import Hunt, HuntState, HuntTotals

# The words for the states of a hunt that are not self-explanatory.
_WORDS = {HuntState.SKIPPED: "did not start"}
_FAULTS = (HuntState.FAILED, HuntState.SKIPPED, HuntState.EMPTY)


@dataclass(frozen=True)
class RunRow:
    """One run. Totals of a run that is not over are None in a list that did not read its captures."""

    id: str
    name: str
    at: datetime  # scheduled
    timezone: str  # of the hunt's schedule
    state: str
    mark: str  # ok, busy, waiting, fault or none
    started: str  # what started it, in words
    systems: int
    totals: HuntTotals | None
    duration: timedelta | None
    reason: str
    over: bool
    project_id: int | None

    @property
    def outcome(self) -> tuple[str, str]:
        """The mark of the whole run and its word, such as "malicious", for the marks of the last runs."""
        if not self.over:
            return self.mark, self.state
        totals = self.totals
        if totals and totals.malicious:
            return "malicious", "malicious alarms"
        if totals and totals.suspicious:
            return "suspicious", "suspicious alarms"
        if self.mark == "ok" and totals and totals.failed:
            return "fault", "some captures failed"
        return self.mark, "all captured" if self.mark == "ok" else self.state


def run_row(hunt: Hunt, config: Config, now: datetime) -> RunRow:
    definition = config.hunts.get(hunt.name)
    empty = hunt.state is HuntState.FINISHED and hunt.totals and hunt.systems and not hunt.totals.captured
    state = HuntState.EMPTY if empty else hunt.state
    return RunRow(
        id=hunt.id,
        name=hunt.name,
        at=hunt.scheduled_at,
        timezone=definition.timezone if definition else "Etc/UTC",
        state="stopping" if hunt.stopped_by and not hunt.over else _WORDS.get(state, state.value),
        mark=_mark(state),
        started=started_by(hunt),
        systems=hunt.systems,
        totals=hunt.totals,
        duration=_duration(hunt, now),
        reason=hunt.reason,
        over=hunt.over,
        project_id=hunt.project_id,
    )


def _mark(state: HuntState) -> str:
    if state in _FAULTS:
        return "fault"
    marks = {
        HuntState.PLANNED: "waiting",
        HuntState.RUNNING: "busy",
        HuntState.FINISHED: "ok",
    }
    return marks.get(state, "none")


def started_by(hunt: Hunt) -> str:
    """What started the run: "scheduled", "started by …", or the text that was recorded."""
    first, *again = hunt.trigger.split("; again by ")
    if first.startswith("schedule "):
        first = "scheduled"
    elif first.startswith(BY_HAND):
        first = f"started by {_name(first.removeprefix(BY_HAND))}"
    if hunt.limited_to:
        first += f", {hunt.limited_to}"
    return "; ".join(filter(None, (first, f"failed captures again by {_name(again[-1])}" if again else "")))


def _name(person: str) -> str:
    """The person without the place. The audit log has both."""
    return person.partition(" at ")[0]


def _duration(hunt: Hunt, now: datetime) -> timedelta | None:
    began = hunt.began_at or hunt.created_at
    end = hunt.finished_at if hunt.over else now
    if began is None or end is None or end < began or hunt.state is HuntState.SKIPPED:
        return None
    return end - began


def typical(runs: Iterable[RunRow]) -> timedelta | None:
    """The median duration of the finished runs."""
    durations = sorted(run.duration for run in runs if run.over and run.mark == "ok" and run.duration)
    return durations[len(durations) // 2] if durations else None
