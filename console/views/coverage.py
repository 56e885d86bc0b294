"""What the page about coverage says: which systems were not captured, since when and why, the outcome of each
week, and which ATT&CK techniques were found."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from console.read_once import read_along
from console.views.coverage_matrix import Group, MatrixFilter, groups
from shared.hosting.runtime import Runtime
from shared.models.coverage import Unselected
from shared.models.hunts import COVERAGE_DAYS
from shared.phrases import counted, percent
from shared.storage.ledger.coverage import LISTING
from shared.storage.queries.coverage import WEEKS, CoverageSummary, SystemCoverage, TechniqueTrend
from shared.storage.queries.fleet import reasons_in_words
from shared.storage.queries.pages import Rows
from shared.text import inert_cell, one_line

PAGE = 100  # systems of one page; if there are no more, sums by account and region are shown
_FILE_PAGE = 200  # systems that are read at once for a file
_MOST_PAGES = 100  # of a CSV file
_UNSELECTED = 100  # machines listed on the page; the CSV file has all that are known
REPEATEDLY = 2  # failures in a row
# In the order of ATT&CK's matrix.
_TACTICS = (
    "Reconnaissance", "Resource Development", "Initial Access", "Execution", "Persistence",
    "Privilege Escalation", "Defense Evasion", "Credential Access", "Discovery", "Lateral Movement",
    "Collection", "Command and Control", "Exfiltration", "Impact",
)  # fmt: skip
_STEPS = (1, 2, 5, 10, 16)  # the fewest findings of each step of the heat map


@dataclass(frozen=True)
class Blind:
    """A system that hunts capture and that was not captured in the last 30 days."""

    row: SystemCoverage
    why: str
    failing: bool


@dataclass(frozen=True)
class Share:
    """How many of the systems of an account or region were captured in the last 30 days."""

    name: str
    captured: int
    known: int

    @property
    def percent(self) -> int:
        return percent(self.captured, self.known)


@dataclass(frozen=True)
class Technique:
    """One field of the heat map."""

    trend: TechniqueTrend
    step: int  # 1 to 5
    words: str  # this week compared with the weeks before


@dataclass(frozen=True)
class Tactic:
    name: str
    total: int
    techniques: tuple[Technique, ...]


@dataclass(frozen=True)
class CoverageView:
    title: str
    summary: CoverageSummary
    is_first: bool  # the first page of all systems; only it lists the blind spots
    captured_this_week: int | None  # None: there are more systems than are counted
    never: int | None
    repeatedly: tuple[SystemCoverage, ...]  # those that failed more than once in a row
    unselected: tuple[Unselected, ...]
    blind: tuple[Blind, ...]
    more_blind: bool  # there may be more of them on the next pages
    accounts: tuple[Share, ...]
    regions: tuple[Share, ...]
    weeks: tuple[date, ...]
    systems: Rows[SystemCoverage]
    filter: MatrixFilter
    groups: tuple[Group, ...]  # of the systems on this page
    tactics: tuple[Tactic, ...]
    techniques: int
    reasons: tuple[tuple[str, int], ...] = ()  # of the whole organization: why machines were not captured


def coverage_view(
    runtime: Runtime, filter: MatrixFilter, *, page: str = "", limit: int = PAGE
) -> CoverageView:
    """Raises StoreError and BadToken."""
    now, queries = runtime.now(), runtime.queries.coverage
    read_along(runtime, [LISTING])
    tactics = _tactics(queries.techniques())
    summary = queries.summary()
    # Few steps, since the rest of the page also costs requests.
    systems = queries.systems(limit=limit, page=page, filter=filter.question(now), steps=1)
    is_first = not page and not filter.narrows
    is_whole = is_first and not systems.next
    since = now - timedelta(days=COVERAGE_DAYS)
    # The systems come in the order of their last capture, so those that are blind come first.
    rows = systems.rows
    blind = [row for row in rows if is_blind(row, since)] if is_first else []
    weeks = tuple(week.start for week in rows[0].weeks) if rows else ()
    return CoverageView(
        title=title(summary),
        summary=summary,
        is_first=is_first,
        captured_this_week=sum(_this_week(row) for row in rows) if is_whole else None,
        never=sum(row.last_captured_at is None for row in rows) if is_whole else None,
        repeatedly=tuple(row for row in rows if is_first and row.failures_in_a_row >= REPEATEDLY),
        unselected=summary.unselected[:_UNSELECTED] if is_first else (),
        blind=tuple(Blind(row, why_blind(row), bool(row.failures_in_a_row)) for row in blind),
        more_blind=bool(systems.next) and len(blind) == len(rows),
        accounts=_shares(rows, since, lambda row: row.system.account or "the platform’s own")
        if is_whole
        else (),
        regions=_shares(rows, since, lambda row: row.system.region or "no region") if is_whole else (),
        weeks=weeks,
        systems=systems,
        filter=filter,
        groups=groups(rows, filter.group, now),
        tactics=tactics,
        techniques=sum(len(tactic.techniques) for tactic in tactics),
        reasons=tuple(reasons_in_words(summary.organization)) if summary.organization else (),
    )


def title(summary: CoverageSummary) -> str:
    """The situation in one sentence."""
    missing, unselected = summary.known - summary.captured, summary.unselected_total
    in_no_hunt = f"{counted(unselected, 'machine')} {_are(unselected)} in no hunt" if unselected else ""
    if not summary.known:
        blind = "No system was captured yet"
    elif missing:
        spots = "is a blind spot" if missing == 1 else "are blind spots"
        blind = f"{missing:,} of {counted(summary.known, 'system')} {spots}"
    elif in_no_hunt:
        return in_no_hunt
    else:
        blind = f"All {summary.known:,} known systems were captured within {COVERAGE_DAYS} days"
    return f"{blind}, and {in_no_hunt}" if in_no_hunt else blind


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def is_blind(row: SystemCoverage, since: datetime) -> bool:
    return row.last_captured_at is None or row.last_captured_at < since


def why_blind(row: SystemCoverage) -> str:
    """Why the system was not captured for long, as far as it is known."""
    times = row.failures_in_a_row
    if times:
        reason = f": {row.last_reason}" if row.last_reason else ""
        return f"failed {times} times in a row{reason}" if times > 1 else f"failed{reason}"
    if row.last_attempt_at is None:
        return "awaits its first capture"
    if row.last_captured_at is None:
        return "its first capture has not ended"
    return "no hunt has tried since"


def _this_week(row: SystemCoverage) -> bool:
    return bool(row.weeks) and row.weeks[-1].outcome.value in ("malicious", "suspicious", "unknown", "clean")


def _shares(
    rows: Sequence[SystemCoverage], since: datetime, key: Callable[[SystemCoverage], str]
) -> tuple[Share, ...]:
    """The worst first."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(not is_blind(row, since))
    shares = [Share(name, sum(covered), len(covered)) for name, covered in groups.items()]
    return tuple(sorted(shares, key=lambda share: (share.percent, share.name)))


def _tactics(trends: Iterable[TechniqueTrend]) -> tuple[Tactic, ...]:
    groups: dict[str, list[TechniqueTrend]] = defaultdict(list)
    for trend in trends:
        groups[trend.tactic or "Other"].append(trend)

    def order(name: str) -> tuple[int, str]:
        return (_TACTICS.index(name) if name in _TACTICS else len(_TACTICS)), name

    tactics = []
    for name in sorted(groups, key=order):
        found = sorted(groups[name], key=lambda trend: -trend.total)
        techniques = tuple(Technique(trend, _step(trend.total), trend_words(trend)) for trend in found)
        tactics.append(Tactic(name, sum(trend.total for trend in found), techniques))
    return tuple(tactics)


def _step(total: int) -> int:
    return max(1, sum(total >= least for least in _STEPS))


def trend_words(trend: TechniqueTrend) -> str:
    """This week compared with the weeks before, such as "5 this week, more than before"."""
    *before, now = trend.counts or (0,)
    if not now:
        return "none this week"
    if not any(before):
        return f"{now:,} this week, new"
    mean = sum(before) / len(before)
    change = "more" if now >= 1.5 * mean + 1 else "less" if now <= mean / 1.5 - 1 else ""
    return f"{now:,} this week" + (f", {change} than before" if change else "")


def every_system(runtime: Runtime) -> Iterator[SystemCoverage]:
    """All known systems, the least recently captured first, up to 20,000."""
    page = ""
    for _ in range(_MOST_PAGES):
        rows = runtime.queries.coverage.systems(limit=_FILE_PAGE, page=page)
        yield from rows.rows
        page = rows.next
        if not page:
            return


def systems_csv(runtime: Runtime) -> str:
    """One line for each known system, and one for each machine that no hunt selects."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    systems, unselected = list(every_system(runtime)), runtime.queries.coverage.summary().unselected
    weeks = [week.start.isoformat() for week in systems[0].weeks] if systems else []
    head = ["instance", "name", "account", "region", "hunts", "last_captured_at", "last_attempt_at"]
    writer.writerow([*head, "failures_in_a_row", "last_reason", *weeks, "kind", "place"])
    for row in systems:
        cells = [
            row.system.instance,
            row.name,
            row.system.account,
            row.system.region,
            " ".join(row.hunts),
            _time(row.last_captured_at),
            _time(row.last_attempt_at),
            str(row.failures_in_a_row),
            row.last_reason,
            *(week.outcome.value for week in row.weeks),
            row.system.kind.value,
            row.system.place,
        ]
        writer.writerow([_cell(cell) for cell in cells])
    for machine in unselected:
        system, why = machine.system, machine.why or "no hunt finds it"
        place = [system.instance, machine.name, system.account, system.region]
        line = [*place, "", "", "", "", why, *("" for _ in weeks), system.kind.value, system.place]
        writer.writerow([_cell(cell) for cell in line])
    return out.getvalue()


def techniques_csv(runtime: Runtime) -> str:
    """One line for each technique, with its findings in each week."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    this_monday = runtime.now().date() - timedelta(days=runtime.now().weekday())
    weeks = [(this_monday - timedelta(weeks=back)).isoformat() for back in reversed(range(WEEKS))]
    writer.writerow(["technique", "name", "tactic", "total", *weeks])
    for trend in runtime.queries.coverage.techniques():
        writer.writerow([_cell(trend.id), _cell(trend.name), _cell(trend.tactic), trend.total, *trend.counts])
    return out.getvalue()


def _cell(text: str) -> str:
    return inert_cell(one_line(text, 500))


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""
