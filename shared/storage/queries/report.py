"""The figures of some weeks for a manager: hunts, coverage, cases, how fast people answered, techniques."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TypeVar

from shared.models.hunts import Hunt, HuntState
from shared.models.leftovers import LeftBehind
from shared.models.severity import Severity
from shared.storage.queries.case_filter import CaseFilter, Which
from shared.storage.queries.cases import CaseRow
from shared.storage.queries.coverage import CoverageSummary, TechniqueTrend
from shared.storage.queries.pages import Rows
from shared.storage.queries.queries import Queries
from shared.storage.queries.trends import WeekTrend

T = TypeVar("T")

MAX_ROWS = 5_000  # runs, or cases, that a report looks at
_AT_ONCE = 200


@dataclass(frozen=True)
class HuntFigures:
    """The runs of one hunt. A run that an earlier version recorded counts without its captures."""

    name: str
    runs: int = 0
    finished: int = 0
    not_finished: int = 0  # failed, stopped, skipped, or nothing was captured
    running: int = 0
    captured: int = 0  # captures of all runs
    failed: int = 0
    malicious: int = 0  # alarms
    suspicious: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class CaseFigures:
    """The cases of the time. The two times are medians in seconds; None if there is no such case."""

    opened: int
    closed: Mapping[str, int]  # by verdict
    open_now: int
    acknowledged_now: int
    malicious_not_acknowledged: int
    seconds_to_acknowledge: float | None
    seconds_to_close: float | None


@dataclass(frozen=True)
class Report:
    since: datetime
    until: datetime
    weeks: int
    hunts: tuple[HuntFigures, ...]
    coverage: CoverageSummary
    cases: CaseFigures
    alarms: tuple[WeekTrend, ...]  # one for each week, oldest first
    techniques: tuple[TechniqueTrend, ...]  # most frequent first
    incomplete: tuple[str, ...] = ()  # sentences on what the report leaves out
    left_behind: LeftBehind | None = None  # None: nobody has looked


def report(queries: Queries, now: datetime, weeks: int) -> Report:
    """The figures of the last `weeks` weeks. Raises StoreError."""
    since = now - timedelta(weeks=weeks)
    incomplete: list[str] = []
    techniques = queries.coverage.techniques(weeks)
    return Report(
        since=since,
        until=now,
        weeks=weeks,
        hunts=tuple(_hunts(queries, since, incomplete)),
        coverage=queries.coverage.summary(),
        cases=_cases(queries, since, incomplete),
        alarms=queries.trends(weeks),
        techniques=tuple(sorted(techniques, key=lambda trend: -trend.total)),
        incomplete=tuple(incomplete),
        left_behind=queries.left_behind(),
    )


def _hunts(queries: Queries, since: datetime, incomplete: list[str]) -> Iterator[HuntFigures]:
    """The hunts that ran since then, in the order of their names."""
    runs: dict[str, list[Hunt]] = defaultdict(list)
    for number, run in enumerate(_all(lambda page: queries.hunts.runs(limit=_AT_ONCE, page=page))):
        if run.scheduled_at < since:
            break
        if number == MAX_ROWS:
            incomplete.append(f"There are more than {MAX_ROWS:,} runs of hunts; older ones are left out.")
            break
        runs[run.name].append(run)
    for name, newest_first in sorted(runs.items()):
        yield _figures(name, newest_first)


def _figures(name: str, newest_first: list[Hunt]) -> HuntFigures:
    totals = [run.totals for run in newest_first if run.totals]
    return HuntFigures(
        name=name,
        runs=len(newest_first),
        finished=sum(run.state is HuntState.FINISHED for run in newest_first),
        not_finished=sum(run.over and run.state is not HuntState.FINISHED for run in newest_first),
        running=sum(not run.over for run in newest_first),
        captured=sum(each.captured for each in totals),
        failed=sum(each.failed for each in totals),
        malicious=sum(each.malicious for each in totals),
        suspicious=sum(each.suspicious for each in totals),
        last_at=newest_first[0].scheduled_at,
    )


def _cases(queries: Queries, since: datetime, incomplete: list[str]) -> CaseFigures:
    closed = _bounded(
        _all(lambda page: _page(queries, CaseFilter(Which.CLOSED, closed_since=since), page)),
        incomplete,
        "closed",
    )
    still_open = _bounded(_all(lambda page: _page(queries, CaseFilter(), page)), incomplete, "open")
    opened = [case for case in (*closed, *still_open) if case.opened_at >= since]
    acknowledged = [
        (case.acknowledged_at - case.opened_at).total_seconds() for case in opened if case.acknowledged_at
    ]
    until_closed = [(case.closed_at - case.opened_at).total_seconds() for case in closed if case.closed_at]
    without_owner = [case for case in still_open if not case.acknowledged_by]
    return CaseFigures(
        opened=len(opened),
        closed=Counter(case.verdict for case in closed),
        open_now=len(without_owner),
        acknowledged_now=len(still_open) - len(without_owner),
        malicious_not_acknowledged=sum(case.severity is Severity.MALICIOUS for case in without_owner),
        seconds_to_acknowledge=median(acknowledged) if acknowledged else None,
        seconds_to_close=median(until_closed) if until_closed else None,
    )


def _page(queries: Queries, wanted: CaseFilter, page: str) -> Rows[CaseRow]:
    return queries.cases.list(wanted, limit=_AT_ONCE, page=page, with_refs=False)


def _bounded(rows: Iterator[CaseRow], incomplete: list[str], what: str) -> list[CaseRow]:
    kept: list[CaseRow] = []
    for row in rows:
        if len(kept) == MAX_ROWS:
            incomplete.append(f"There are more than {MAX_ROWS:,} {what} cases; the others are left out.")
            break
        kept.append(row)
    return kept


def _all(read: Callable[[str], Rows[T]]) -> Iterator[T]:
    """The rows of all pages, each page read when it is needed."""
    page = ""
    while True:
        rows = read(page)
        yield from rows.rows
        if not rows.next:
            return
        page = rows.next
