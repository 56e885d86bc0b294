"""The overview: is all well, and what needs a person?

It reads the store with few requests, since it is the page that people leave open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from console.status import Status
from console.views import problems
from console.views.destinations import Destination, destinations
from console.views.problems import Problem
from console.views.refused import RefusedLine, refused_line
from scheduler.next_runs import next_runs
from shared.config.config import Config
from shared.models.coverage import CoveredShare
from shared.models.hunts import Hunt, HuntState
from shared.models.severity import Severity
from shared.models.weeks import week_of
from shared.phrases import counted, percent
from shared.storage.queries.coverage import CoverageSummary
from shared.storage.queries.trends import WeekTrend

NEXT_RUNS = 4
_FIRST_DAY = "Three steps, about ten minutes. The overview appears here when the first hunt starts."
NEVER_HUNTED = 6  # machines that are listed
# Malicious first. Each row of the table has one of these.
SEVERITIES = (Severity.MALICIOUS, Severity.SUSPICIOUS, Severity.UNKNOWN, Severity.INFO)
TYPES = {
    "slack": "Slack",
    "teams": "Teams",
    "jira": "Jira",
    "webhook": "webhook",
    "pagerduty": "PagerDuty",
    "jsm": "JSM",
}


@dataclass(frozen=True)
class NextRun:
    """The next run of a hunt, in the hunt's time zone."""

    name: str
    at: datetime


@dataclass(frozen=True)
class Overview:
    """What the overview shows."""

    title: str
    subtitle: str
    problems: tuple[Problem, ...]
    fine: tuple[str, ...]  # sentences about what is OK
    started: bool  # whether any hunt or event exists; if not, the page says how to begin
    status: Status
    last_hunt: Hunt | None  # the last one that is over
    next: tuple[NextRun, ...]
    destinations: tuple[Destination, ...]

    @property
    def columns(self) -> tuple[tuple[Bar, ...], ...]:
        return columns(self.status.weeks)

    @property
    def covered_weeks(self) -> tuple[CoveredWeek, ...]:
        return covered_weeks(self.status.weeks, self.status.coverage)

    @property
    def refused(self) -> tuple[RefusedLine, ...]:
        return tuple(map(refused_line, self.status.refused))

    @property
    def failing_since(self) -> datetime | None:
        since = (each.failing_since for each in self.status.failing.values())
        return min(filter(None, since), default=None)


@dataclass(frozen=True)
class Bar:
    """A part of a drawn column, in pixels from the top."""

    fill: str  # the class of its colour
    y: float
    height: float


@dataclass(frozen=True)
class CoveredWeek:
    """The coverage at the end of one week."""

    start: date  # the Monday
    share: CoveredShare | None  # None: it is not known
    bars: tuple[Bar, ...] = ()

    @property
    def percent(self) -> int | None:
        return percent(self.share.captured, self.share.known) if self.share else None


HEIGHT = 64  # pixels of the highest column
_FILLS = {Severity.SUSPICIOUS: "f-sus", Severity.MALICIOUS: "f-mal"}  # from the bottom up


def columns(weeks: Sequence[WeekTrend]) -> tuple[tuple[Bar, ...], ...]:
    """The column of each week. The highest is as high as the drawing."""
    sums = [sum(week.events.get(severity, 0) for severity in _FILLS) for week in weeks]
    highest, drawn = max(sums, default=0) or 1, []
    for week in weeks:
        bars, bottom = [], float(HEIGHT)
        for severity, fill in _FILLS.items():
            height = week.events.get(severity, 0) / highest * HEIGHT
            if height:
                bars.append(Bar(fill, round(bottom - height, 1), round(max(height - 1, 1), 1)))
                bottom -= height
        drawn.append(tuple(bars))
    return tuple(drawn)


def covered_weeks(weeks: Sequence[WeekTrend], coverage: CoverageSummary) -> tuple[CoveredWeek, ...]:
    """The coverage of these weeks. That of the last one, which is not over, is as it is now."""
    shares = [coverage.weeks.get(week_of(datetime.combine(week.start, time(), UTC))) for week in weeks]
    shares[-1:] = [CoveredShare(coverage.captured, coverage.known)]
    return tuple(
        CoveredWeek(week.start, share, _covered_bars(share))
        if share and share.known
        else CoveredWeek(week.start, None)
        for week, share in zip(weeks, shares, strict=True)
    )


def _covered_bars(share: CoveredShare) -> tuple[Bar, ...]:
    """Blind above captured, with a line of one pixel between them."""
    blind = round(HEIGHT * (1 - share.captured / share.known), 1)
    if not blind:
        return (Bar("f-ok", 0, HEIGHT),)
    bars = (Bar("f-fault", 0, blind), Bar("f-ok", blind + 1, round(HEIGHT - blind - 1, 1)))
    return tuple(bar for bar in bars if bar.height > 0)


def types_of(config: Config) -> dict[str, str]:
    return {name: TYPES.get(section.type, section.type) for name, section in config.destinations.items()}


def overview(status: Status, config: Config, now: datetime) -> Overview:
    counts, runs, coverage, types = status.counts, status.runs, status.coverage, types_of(config)
    found = (
        *problems.of_cases(status.not_taken, counts.open.get(Severity.MALICIOUS, 0)),
        *problems.of_destinations(status.destinations, types),
        *problems.of_webhook(status.webhook_broken),
        *problems.of_jobs(status.jobs, now),
        *problems.of_hunts(runs),
        *problems.of_coverage(coverage),
    )
    last = next((run for run in runs if run.over and run.state is not HuntState.SKIPPED), None)
    following, started = next_of_all(config, now), bool(runs or status.last_event)
    return Overview(
        title=problems.title_of(found) if started or found else "No hunts yet",
        subtitle="" if found else _all_is_well(last, following) if started else _FIRST_DAY,
        problems=found,
        fine=tuple(_fine(status, coverage)) if started else (),
        started=started,
        status=status,
        last_hunt=last,
        next=following[:NEXT_RUNS],
        destinations=destinations(status.destinations, config, types),
    )


def next_of_all(config: Config, now: datetime) -> tuple[NextRun, ...]:
    """The next run of each hunt that has a schedule, the soonest first."""
    found = [
        NextRun(name, runs[-1].at)
        for name, definition in config.hunts.items()
        if definition.schedule and (runs := next_runs(definition, now, count=1))
    ]
    return tuple(sorted(found, key=lambda run: run.at))


def _all_is_well(last: Hunt | None, following: Sequence[NextRun]) -> str:
    words = ["Nothing needs you."]
    if last and last.totals:
        words.append(
            f"The last hunt, {last.name}, captured {last.totals.captured:,} of "
            f"{counted(last.systems, 'system')}."
        )
    if following:
        run = following[0]
        words.append(f"The next one, {run.name}, starts {run.at:%A} {run.at.day} {run.at:%B, %H:%M %Z}.")
    return " ".join(words)


def _fine(status: Status, coverage: CoverageSummary) -> Iterator[str]:
    destinations = status.destinations
    if not status.counts.open.get(Severity.MALICIOUS):
        yield "No malicious case is waiting to be taken"
    if status.webhook_checked and not status.webhook_broken:
        yield "Webhooks are registered and lead here"
    if not status.failing_jobs:
        yield "All jobs of the timer work"
    if sentence := problems.delivering(destinations):
        yield sentence
    if destinations and not status.waiting and not status.dead:
        yield "Nothing waiting, no dead letters"
    if coverage.known and coverage.captured == coverage.known and not coverage.unselected_total:
        yield "Every known system was captured within 30 days"
