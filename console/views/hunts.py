"""What the page about hunts says: which are defined, when they run next, how each run went, and what is
wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from console.views.hunt_runs import RunRow, run_row, typical
from scheduler.cloud_selectors import wanted
from scheduler.next_runs import Run, next_runs
from scheduler.selectors import described
from shared.config.cloud_targets import SelectingTarget
from shared.config.config import Config
from shared.config.due_times import runs_between
from shared.config.hunts import HuntConfig
from shared.config.schedule_words import in_words
from shared.config.targets import SelectorConfig
from shared.config.triggers import TriggerConfig
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.event_kinds import HUNT_MISSED
from shared.models.hunts import Hunt, HuntTotals
from shared.phrases import counted
from shared.storage.queries.event_rows import event_key
from shared.storage.queries.pages import Rows

PROBLEM_DAYS = 7  # older problems are not listed
_RECENT = 50  # runs that the definitions and the problems are derived from; also the first page of the list
_MISSED = 100  # times at which a hunt may have been missed
_MISSED_OF_ONE = 30
_NOTHING_RAN = "huntbridge did not run then, or its schedule was gone or disabled."
_LAST = 4
_NEXT = 3
# Runs whose captures are read: on the first page of all runs, and on other pages, which read more runs.
_MOST_RUNNING, _MOST_RUNNING_ELSEWHERE = 3, 1


@dataclass(frozen=True)
class Definition:
    """One hunt of the configuration."""

    name: str
    capture: str
    systems: str  # how they are chosen, in words
    last_systems: int | None  # how many the last run had
    schedule: str  # the expression; empty if it has none
    after: str  # the hunt after which it begins; empty if there is none
    words: str
    timezone: str
    next: tuple[Run, ...]
    skip_dates: tuple[date, ...]
    never: str  # why the schedule starts nothing any more
    typical: timedelta | None
    last: tuple[RunRow, ...]  # oldest first


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and the run that it is about, if there is one."""

    text: str
    detail: str
    since: datetime | None = None
    run: str = ""
    retry: int = 0  # failed captures that can be requested again


@dataclass(frozen=True)
class HuntsView:
    title: str
    problems: tuple[Problem, ...]
    definitions: tuple[Definition, ...]
    runs: Rows[RunRow]
    name: str  # the runs of this hunt only; empty: of all hunts
    names: tuple[str, ...]  # that the runs can be filtered by
    guardduty: str  # which findings start a hunt; empty if none does
    triggers: tuple[str, ...]  # which other events start something, a sentence for each


def hunts_view(runtime: Runtime, *, name: str = "", limit: int = _RECENT, page: str = "") -> HuntsView:
    """Raises StoreError and BadToken."""
    config, now = runtime.config, runtime.now()
    newest = runtime.queries.hunts.runs(limit=_RECENT)
    recent = [run_row(hunt, config, now) for hunt in newest.rows]
    is_same = not name and not page and limit == _RECENT
    listed = newest if is_same else runtime.queries.hunts.runs(name=name, limit=limit, page=page)
    by_name: dict[str, list[RunRow]] = defaultdict(list)
    for run in recent:
        by_name[run.name].append(run)
    definitions = tuple(
        _definition(name, hunt, by_name.get(name, []), now) for name, hunt in config.hunts.items()
    )
    running = [run for run in recent if not run.over]
    most = _MOST_RUNNING if is_same else _MOST_RUNNING_ELSEWHERE
    captures = {run.id: runtime.ledger.captures.of_hunt(run.id) for run in running[:most]}
    return HuntsView(
        title=_title(definitions, running, now),
        problems=tuple(_problems(runtime, recent, by_name, captures, now)),
        definitions=definitions,
        runs=Rows(tuple(_so_far(run_row(hunt, config, now), captures) for hunt in listed.rows), listed.next),
        name=name,
        names=tuple(dict.fromkeys([*config.hunts, *by_name])),
        guardduty=_guardduty(config),
        triggers=tuple(_trigger(*each) for each in config.triggers.items()),
    )


def _definition(name: str, hunt: HuntConfig, runs: Sequence[RunRow], now: datetime) -> Definition:
    return Definition(
        name=name,
        capture=hunt.capture,
        systems=_systems(hunt),
        last_systems=next((run.systems for run in runs if run.systems), None),
        schedule=hunt.schedule or "",
        after=hunt.after.hunt if hunt.after else "",
        words=in_words(hunt.schedule, hunt.timezone) if hunt.schedule else "",
        timezone=hunt.timezone,
        next=tuple(next_runs(hunt, now, _NEXT)),
        skip_dates=tuple(
            day for day in map(date.fromisoformat, sorted(hunt.skip_dates)) if day >= now.date()
        ),
        never=hunt.why_never_runs(now),
        typical=typical(runs),
        last=tuple(reversed(runs[:_LAST])),
    )


def _systems(hunt: HuntConfig) -> str:
    parts = [counted(len(hunt.named_systems), "named system")] if hunt.named_systems else []
    parts += dict.fromkeys(filter(None, map(_selector_in_words, hunt.targets)))
    return "; ".join(parts)


def _selector_in_words(target: object) -> str:
    """Empty for a target that names one system."""
    if isinstance(target, SelectorConfig):
        return described(target)
    found = wanted(0, target) if isinstance(target, SelectingTarget) else None
    return found.described if found else ""


def _title(definitions: Sequence[Definition], running: Sequence[RunRow], now: datetime) -> str:
    if not definitions and not running:
        return "No hunt is defined yet"
    under_way = {0: "No hunt is running", 1: "One hunt is running"}.get(
        len(running), f"{len(running)} hunts are running"
    )
    due = [run.at.astimezone(UTC) for each in definitions for run in each.next if run.runs]
    following = f"the next starts in {_until(min(due) - now)}" if due else "none is scheduled"
    return f"{under_way}, {following}"


def _until(time: timedelta) -> str:
    minutes = max(1, round(time.total_seconds() / 60))
    if minutes < 120:
        return counted(minutes, "minute")
    return counted(round(minutes / 60), "hour") if minutes < 2_880 else counted(round(minutes / 1_440), "day")


def _so_far(run: RunRow, captures: Mapping[str, Collection[Capture]]) -> RunRow:
    """A run that is not over has no totals yet; they are counted if its captures were read."""
    return replace(run, totals=HuntTotals.of(captures[run.id])) if run.id in captures else run


def _problems(
    runtime: Runtime,
    recent: Sequence[RunRow],
    by_name: Mapping[str, Sequence[RunRow]],
    captures: Mapping[str, Collection[Capture]],
    now: datetime,
) -> Iterator[Problem]:
    """Runs with a problem, the worst first, then the definitions that start nothing."""
    since = now - timedelta(days=PROBLEM_DAYS)
    shown = [run for run in recent if run.at >= since]
    for run in recent:
        if run.id in captures:
            yield from _under_way(run, captures[run.id])
    # If a later run of the hunt went well, the failures of an earlier one need nobody any more.
    latest = {name: next((run.id for run in runs if run.over), "") for name, runs in by_name.items()}
    for run in shown:
        if run.state == "did not start":
            yield Problem(f"{run.name} did not start", run.reason, run.at, run.id)
        elif run.over and run.mark == "fault":
            yield Problem(f"{run.name}: {run.state}", run.reason, run.at, run.id, _failed(run))
        elif run.over and run.id == latest.get(run.name) and _failed(run) and run.state != "stopped":
            text = f"{_failed(run)} of {counted(run.systems, 'capture')} of {run.name} failed"
            yield Problem(text, "", run.at, run.id, _failed(run))
    yield from _missed(runtime, {run.id for run in recent}, since)
    for name, hunt in runtime.config.hunts.items():
        for problem in hunt.problems:
            yield Problem(f"The definition of {name} has a mistake", problem)
        if why := hunt.why_never_runs(now):
            yield Problem(f"The schedule of {name} {why}", "")


def _failed(run: RunRow) -> int:
    return run.totals.failed if run.totals else 0


def _under_way(run: RunRow, captures: Collection[Capture]) -> Iterator[Problem]:
    stalled = [capture for capture in captures if capture.stalled and capture.state is CaptureState.RUNNING]
    if len(stalled) == 1:
        (capture,) = stalled
        text = f"The capture of {capture.system.title} in {run.name} makes no progress"
        yield Problem(text, capture.progress, capture.progress_at, run.id)
    elif stalled:
        since = min((capture.progress_at for capture in stalled if capture.progress_at), default=None)
        yield Problem(f"{len(stalled)} captures of {run.name} make no progress", "", since, run.id)
    failed = sum(capture.state is CaptureState.FAILED for capture in captures)
    if failed:
        text = f"{failed} of {counted(len(captures), 'capture')} of {run.name} failed so far"
        yield Problem(text, "", run.at, run.id, failed)


def _missed(runtime: Runtime, recorded: set[str], since: datetime) -> Iterator[Problem]:
    """Hunts that were not started at all, as `scheduler.missed` reported them. The event of each has an id
    that is made of the hunt's, so that it is read without a search."""
    due: list[Hunt] = []
    for name, definition in runtime.config.hunts.items():
        calendar = definition.calendar
        following = [run.at for run in next_runs(definition, runtime.now(), 2) if run.runs]
        if calendar and len(following) == 2:
            period = following[1] - following[0]
            begin = max(since, runtime.now() - _MISSED_OF_ONE * period)
            due += [Hunt(name, at) for at in runs_between(calendar, begin, runtime.now())]
    wanted = [hunt for hunt in due if hunt.id not in recorded][-_MISSED:]
    keys = {event_key(f"{HUNT_MISSED}:{hunt.id}"): hunt for hunt in wanted}
    for key in runtime.store.read_many(list(keys)):
        hunt = keys[key]
        yield Problem(f"{hunt.name} was not started", _NOTHING_RAN, hunt.scheduled_at)


def _trigger(name: str, trigger: TriggerConfig) -> str:
    what = f"the hunt {trigger.hunt}" if trigger.hunt else "a capture of the instance that they name"
    return f"Events “{', '.join(trigger.detail_type)}” of {trigger.source} start {what} (trigger {name})."


def _guardduty(config: Config) -> str:
    if config.guardduty is None:
        return ""
    types = ", ".join(config.guardduty.types)
    kinds = "" if types == "*" else f" of the types {types}"
    return f"findings of GuardDuty{kinds} with a severity of {config.guardduty.min_severity:g} or more"
