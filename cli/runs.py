"""The recorded runs of hunts: finding the run that a person names, and the result of each run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cli.exit_codes import Misused
from cli.identifiers import MOST, whole
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.hunts import Hunt, HuntState
from shared.storage import kinds


@dataclass(frozen=True)
class RunResult:
    """One run and the results of its captures so far."""

    hunt: Hunt
    systems: int
    captured: int
    failed: int
    with_alarms: int

    @classmethod
    def of(cls, hunt: Hunt, captures: list[Capture]) -> RunResult:
        return cls(
            hunt,
            len(captures) or hunt.systems,
            sum(capture.state is CaptureState.PROCESSED for capture in captures),
            sum(capture.state is CaptureState.FAILED for capture in captures),
            sum(bool(capture.malicious or capture.suspicious) for capture in captures),
        )

    @property
    def state(self) -> str:
        """The state for people. A run that captured nothing is not called finished."""
        if self.hunt.state is HuntState.FINISHED and self.systems and not self.captured:
            return HuntState.EMPTY.value  # earlier versions recorded this state
        return self.hunt.state.value

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.hunt.id,
            "hunt": self.hunt.name,
            "scheduled_at": in_utc(self.hunt.scheduled_at),
            "state": self.state,
            "project_id": self.hunt.project_id,
            "systems": self.systems,
            "captured": self.captured,
            "failed": self.failed,
            "with_alarms": self.with_alarms,
            "reason": self.hunt.reason,
        }


def recorded_names(runtime: Runtime, config: Config) -> list[str]:
    """The hunts of the configuration, and recorded hunts that are no longer in it."""
    return list(dict.fromkeys([*config.hunts, *runtime.store.groups(kinds.HUNT, "", MOST)]))


def newest(runtime: Runtime, names: list[str], limit: int) -> list[RunResult]:
    """The newest runs of these hunts, newest first."""
    runs = [run for name in names for run in runtime.ledger.hunts.of_name(name)[:limit]]
    runs.sort(key=lambda run: (run.scheduled_at, run.id), reverse=True)
    return [RunResult.of(run, runtime.ledger.captures.of_hunt(run.id)) for run in runs[:limit]]


def the_run(runtime: Runtime, given: str, *, prefer_open: bool = False) -> Hunt:
    """The run with this id, or the last run of this hunt. A unique beginning of either is enough.

    With `prefer_open` a hunt's name means its last run that has not ended, if there is one. Raises Misused if
    there is no such run.
    """
    name, at, _ = given.partition("@")
    meant = whole(name, runtime.store.groups(kinds.HUNT, name, MOST + 1), "hunts")
    runs = runtime.ledger.hunts.of_name(meant) if meant else []
    if at:
        id = whole(f"{meant}{given[len(name) :]}", (run.id for run in runs), "runs") if meant else None
        runs = [run for run in runs if run.id == id]
    if not runs:
        raise Misused(f"there is no run of {given}; `huntbridge hunt list` shows which runs there are")
    unfinished = [run for run in runs if prefer_open and not run.over]
    return (unfinished or runs)[0]


def in_utc(moment: datetime) -> str:
    """Such as "2027-01-31T02:00:00Z". The id of a run contains its time in this form."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
