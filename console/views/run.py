"""The content of the page about one run: its progress or result, its failures with their reasons, its times,
what was left out, and each of its systems."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.views.hunt_runs import RunRow, run_row
from console.views.vulnerabilities import VulnerabilitiesView, vulnerabilities_view
from scheduler import custody
from scheduler.cost_came_to import came_to
from scheduler.plan import definition_hash, project_name
from scheduler.report import report
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.cost import CostEstimate, CostItem, compared
from shared.models.hunts import Hunt, HuntTotals
from shared.models.systems import Kind
from shared.phrases import counted
from shared.storage import kinds
from shared.storage.queries.pages import BadToken, Rows

PAGE = 100  # systems of one page
_BARS = 40  # captures in the timeline
_NAMED = 20  # systems named under one reason
_REASONS = 50

# The outcomes of a capture, worst first: the mark and the word.
_OUTCOMES = {
    "malicious": "malicious",
    "suspicious": "suspicious",
    "failed": "fault",
    "stalled": "fault",
    "not known": "unknown",
    "partly searched": "unknown",
    "running": "busy",
    "requested": "waiting",
    "planned": "none",
    "clean": "ok",
}


@dataclass(frozen=True)
class CaptureRow:
    """One system of the run."""

    system_key: str
    instance: str
    kind: str
    title: str  # what people call it; EC2: the instance id
    name: str
    account: str  # empty: the platform's own
    region: str
    place: str  # in words
    outcome: str  # a key of the outcomes above
    mark: str
    malicious: int
    suspicious: int
    detail: str  # why it failed, or how far it is
    evidence: int
    megabytes: int  # of all kept disks; 0 if not known
    attempt: int
    requested_at: datetime | None
    ended_at: datetime | None
    progress_at: datetime | None
    duration: timedelta | None


@dataclass(frozen=True)
class Segment:
    """One part of the bar that shows how far the run is."""

    outcome: str
    mark: str
    count: int
    start: float  # percent
    width: float


@dataclass(frozen=True)
class Reason:
    """Captures that failed for the same reason."""

    text: str
    count: int
    systems: tuple[CaptureRow, ...]  # at most 20


@dataclass(frozen=True)
class Bar:
    """One capture in the timeline, in percent of its width."""

    row: CaptureRow
    start: float
    width: float


@dataclass(frozen=True)
class Timeline:
    """The captures that took longest."""

    begins: datetime
    ends: datetime
    hours: tuple[tuple[float, datetime], ...]  # where a new hour, or several, begins
    now: float | None  # where the present moment is; None if the run is over
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class CostLine:
    """One part of the cost of the run."""

    what: str
    expected: CostItem
    came_to: CostItem | None  # None while nothing has ended


@dataclass(frozen=True)
class RunView:
    title: str
    run: RunRow
    totals: HuntTotals
    done: int
    segments: tuple[Segment, ...]
    median: timedelta | None  # of the captures that ended
    evidence: int
    megabytes: int
    reasons: tuple[Reason, ...]
    timeline: Timeline | None
    problems: tuple[str, ...]
    left_out: tuple[str, ...]
    systems: Rows[CaptureRow]
    mode: str
    project_name: str
    config_hash: str
    definition_unchanged: bool | None  # None: the hunt is not in the configuration
    attempt: int
    finished_at: datetime | None
    intelligence: str  # which of one's own rules and indicators were in force; empty: it takes none
    cost: str  # what it came to and what was expected; empty if neither is known
    cost_items: tuple[CostLine, ...]
    waits_for: str  # the run that it waits for; empty if it waits for none
    vulnerabilities: VulnerabilitiesView | None = None  # None: the platform did not say, or found none


def run_view(runtime: Runtime, run_id: str, *, page: str = "", limit: int = PAGE) -> RunView | None:
    """None if there is no such run. Raises StoreError and BadToken."""
    first = _first(page)
    hunt = runtime.ledger.hunts.get(run_id)
    if hunt is None:
        return None
    now = runtime.now()
    captures = runtime.ledger.captures.of_hunt(hunt.id)
    captures.sort(key=_order)
    failed = [capture for capture in captures if capture.state is CaptureState.FAILED]
    slowest = sorted((c for c in captures if c.requested_at), key=lambda c: _took(c, now), reverse=True)
    shown = captures[first : first + limit]
    grouped = _by_reason(failed)
    named = [*shown, *slowest[:_BARS], *(c for group in grouped.values() for c in group[:_NAMED])]
    names = _names(runtime, named)

    def rows(some: Iterable[Capture]) -> list[CaptureRow]:
        return [_row(capture, names, now) for capture in some]

    after = str(first + limit) if first + limit < len(captures) else ""
    counts = Counter(map(_outcome, captures))
    totals = HuntTotals.of(captures)
    spent = came_to(hunt.cost, captures)
    systems = max(len(captures), hunt.systems)
    return RunView(
        title=_title(hunt, totals, systems),
        run=run_row(hunt, runtime.config, now),
        totals=totals,
        done=totals.captured + totals.failed,
        segments=_segments(counts, systems),
        median=_median(captures),
        evidence=sum(len(capture.evidence_ids) for capture in captures),
        megabytes=sum(map(_megabytes, captures)),
        reasons=tuple(
            Reason(text, len(group), tuple(rows(group[:_NAMED])))
            for text, group in list(grouped.items())[:_REASONS]
        ),
        timeline=_timeline(hunt, rows(slowest[:_BARS]), now),
        problems=hunt.problems,
        left_out=hunt.left_out,
        systems=Rows(tuple(rows(shown)), after),
        mode=hunt.mode,
        project_name=project_name(hunt),
        config_hash=hunt.config_hash,
        definition_unchanged=_unchanged(runtime, hunt),
        attempt=hunt.attempt,
        finished_at=hunt.finished_at,
        intelligence=hunt.intelligence.in_words if hunt.intelligence else "",
        cost=compared(hunt.cost, spent if hunt.over else None),
        cost_items=_cost_lines(hunt.cost, spent),
        waits_for=_waits_for(runtime, hunt),
        vulnerabilities=vulnerabilities_view(runtime, hunt.id) if hunt.over else None,
    )


def _cost_lines(expected: CostEstimate | None, spent: CostEstimate | None) -> tuple[CostLine, ...]:
    known = {item.what: item for item in spent.items} if spent else {}
    return tuple(
        CostLine(item.what, item, known.get(item.what)) for item in (expected.items if expected else ())
    )


def custody_report(runtime: Runtime, hunt: Hunt, form: str) -> str:
    """The chain of custody of the run, as `huntbridge hunt report` prints it. `form`: md, csv or json."""
    captures = runtime.ledger.captures.of_hunt(hunt.id)
    names = _names(runtime, captures)
    if form == "csv":
        return custody.as_csv(hunt, captures, names)
    summary = report(runtime.ledger, hunt, captures, hunt.reason, hunt.finished_at or runtime.now())
    if form == "json":
        return custody.as_json(hunt, summary, captures)
    return custody.as_markdown(hunt, summary, captures, names, runtime.now(), runtime.config.platform.url)


def _first(page: str) -> int:
    if not page:
        return 0
    if not (page.isascii() and page.isdecimal() and len(page) < 7):
        raise BadToken("this page's token cannot be read")
    return int(page)


def _title(hunt: Hunt, totals: HuntTotals, systems: int) -> str:
    if not hunt.over:
        if hunt.project_id is None:
            return f"{hunt.name} has not begun: its project is not open yet"
        done = totals.captured + totals.failed
        failed = f", {totals.failed:,} failed" if totals.failed else ""
        return f"{hunt.name} is running: {done:,} of {counted(systems, 'system')} done{failed}"
    if hunt.state.value == "skipped":
        return f"{hunt.name} did not start"
    if not totals.captured:
        return f"{hunt.name} captured none of {counted(systems, 'system')}"
    if not totals.failed:
        all_of = f"all {systems:,} systems" if systems > 1 else "its system"
        return f"{hunt.name} captured {all_of}" + _with_alarms(totals)
    return (
        f"{hunt.name} captured {totals.captured:,} of {counted(systems, 'system')}, {totals.failed:,} failed"
    )


def _with_alarms(totals: HuntTotals) -> str:
    return f", {totals.with_alarms:,} with alarms" if totals.with_alarms else ", none with alarms"


def _outcome(capture: Capture) -> str:
    if capture.malicious:
        return "malicious"
    if capture.suspicious:
        return "suspicious"
    if capture.state is CaptureState.PROCESSED:
        return "partly searched" if capture.reason else "clean"
    if capture.stalled and capture.state is not CaptureState.FAILED:
        return "stalled"
    return "not known" if capture.state is CaptureState.UNKNOWN else capture.state.value


def _order(capture: Capture) -> tuple[int, int, int, str]:
    outcome = list(_OUTCOMES).index(_outcome(capture))
    return outcome, -capture.malicious, -capture.suspicious, capture.system.key


def _row(capture: Capture, names: Mapping[str, str], now: datetime) -> CaptureRow:
    outcome = _outcome(capture)
    took = _took(capture, now) if capture.requested_at else None
    return CaptureRow(
        system_key=capture.system.key,
        instance=capture.system.instance,
        kind=capture.system.kind.value,
        title=capture.system.title,
        place=capture.system.place,
        name=names.get(capture.system.instance, ""),
        account=capture.system.account,
        region=capture.system.region,
        outcome=outcome,
        mark=_OUTCOMES[outcome],
        malicious=capture.malicious,
        suspicious=capture.suspicious,
        detail=capture.reason or ("" if capture.ended_at else capture.progress),
        evidence=len(capture.evidence_ids),
        megabytes=_megabytes(capture),
        attempt=capture.attempt,
        requested_at=capture.requested_at,
        ended_at=capture.ended_at,
        progress_at=capture.progress_at,
        duration=took,
    )


def _names(runtime: Runtime, captures: Iterable[Capture]) -> dict[str, str]:
    """The names of the instances of these captures."""
    keys = list(dict.fromkeys((kinds.NAME, "", capture.system.instance) for capture in captures))
    found = runtime.store.read_many(keys)
    return {name: str(record.body["name"]) for (_, _, name), record in found.items()}


def _megabytes(capture: Capture) -> int:
    return sum(kept.size_mb or 0 for kept in capture.preserved)


def _took(capture: Capture, now: datetime) -> timedelta:
    """From the request to the end, or until now."""
    if capture.requested_at is None:
        return timedelta(0)
    ended = capture.ended_at if capture.state in (CaptureState.PROCESSED, CaptureState.FAILED) else now
    return max((ended or now) - capture.requested_at, timedelta(0))


def _median(captures: Iterable[Capture]) -> timedelta | None:
    ended = sorted(
        _took(c, c.ended_at)
        for c in captures
        if c.state is CaptureState.PROCESSED and c.ended_at and c.requested_at
    )
    return ended[len(ended) // 2] if ended else None


def _segments(counts: Mapping[str, int], systems: int) -> tuple[Segment, ...]:
    """In the order of the bar: what is done first."""
    segments, start = [], 0.0
    for outcome in ("clean", "malicious", "suspicious", "partly searched", "failed", "stalled", "running",
                    "not known", "requested", "planned"):  # fmt: skip
        count = counts.get(outcome, 0)
        if count:
            width = 100 * count / max(systems, 1)
            segments.append(Segment(outcome, _OUTCOMES[outcome], count, round(start, 2), round(width, 2)))
            start += width
    return tuple(segments)


def _by_reason(failed: Iterable[Capture]) -> dict[str, list[Capture]]:
    """The most frequent reason first."""
    groups: dict[str, list[Capture]] = defaultdict(list)
    for capture in failed:
        groups[_general(capture)].append(capture)
    return dict(sorted(groups.items(), key=lambda group: -len(group[1])))


def _general(capture: Capture) -> str:
    """The reason without the id of the instance, so that equal reasons are counted together."""
    system = capture.system
    word = "the instance" if system.kind is Kind.EC2 else "the system"
    return capture.reason.replace(system.title, word) or "no reason was given"


_STEPS = (1, 2, 3, 6, 12, 24, 48, 96)  # hours between two marks


def _timeline(hunt: Hunt, rows: Sequence[CaptureRow], now: datetime) -> Timeline | None:
    if not rows:
        return None
    begins = min(row.requested_at for row in rows if row.requested_at)
    ends = max(
        (row.requested_at + row.duration) for row in rows if row.requested_at and row.duration is not None
    )
    span = max((ends - begins).total_seconds(), 60.0)

    def percent(moment: datetime) -> float:
        return round(100 * (moment - begins).total_seconds() / span, 2)

    step = next((step for step in _STEPS if span / 3_600 / step <= 8), _STEPS[-1])
    hour = begins.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    hours = []
    while hour < ends:
        if hour.hour % min(step, 24) == 0:
            hours.append((percent(hour), hour))
        hour += timedelta(hours=1)
    bars = [
        Bar(row, percent(row.requested_at), max(0.4, round(100 * row.duration.total_seconds() / span, 2)))
        for row in rows
        if row.requested_at and row.duration is not None
    ]
    return Timeline(begins, ends, tuple(hours[:24]), None if hunt.over else percent(now), tuple(bars))


def _unchanged(runtime: Runtime, hunt: Hunt) -> bool | None:
    definition = runtime.config.hunts.get(hunt.name)
    if definition is None or not hunt.config_hash:
        return None
    return definition_hash(definition) == hunt.config_hash


def _waits_for(runtime: Runtime, hunt: Hunt) -> str:
    if hunt.over or hunt.project_id is not None or hunt.name not in runtime.config.hunts:
        return ""
    other = runtime.ledger.hunts.last_turn(hunt.name)
    return other if other != hunt.id else ""
