"""Which systems were captured, and when: by system and week, and in sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.models import attack
from shared.models.codec import load
from shared.models.coverage import CoveredSystem, Listing, Outcome, Unselected, worst
from shared.models.hunts import COVERAGE_DAYS
from shared.models.systems import System
from shared.models.weeks import last_weeks, monday_of
from shared.storage import indexes, kinds
from shared.storage.ledger.coverage import LISTING
from shared.storage.ports import Key, Store
from shared.storage.queries.pages import Rows, bounded, position, token
from shared.storage.queries.reading import Span, joined, rows
from shared.storage.queries.trends import TrendQueries

WEEKS = 12
_MOST = 10_000  # systems that one question counts
_NOT_LISTED = "EC2 was not asked yet which machines there are"


@dataclass(frozen=True)
class WeekOutcome:
    """The worst outcome of one system in one ISO week."""

    start: date  # the Monday
    outcome: Outcome


@dataclass(frozen=True)
class SystemCoverage:
    """One system and the outcomes of its captures."""

    system_key: str
    system: System
    name: str  # the instance's name; empty if it is not known
    weeks: tuple[WeekOutcome, ...]  # the last 12, oldest first
    last_captured_at: datetime | None = None  # the last capture that succeeded
    last_attempt_at: datetime | None = None
    last_reason: str = ""  # why the last attempt failed; empty if it did not
    failures_in_a_row: int = 0
    hunts: tuple[str, ...] = ()  # the names of the hunts that captured it, the last one first


@dataclass(frozen=True)
class CoverageSummary:
    """How many systems are hunted."""

    captured: int  # known systems with a successful capture in the last 30 days (COVERAGE_DAYS)
    known: int  # systems that a hunt ever captured or tried to
    listed: int | None = None  # machines that EC2 lists; None: it was not asked, or refused
    unselected: tuple[Unselected, ...] = ()  # listed machines that no hunt selects; at most 500
    unselected_total: int = 0
    at: datetime | None = None  # when EC2 was asked
    problems: tuple[str, ...] = ()  # sentences: why the list is missing or incomplete
    selected: int | None = None  # listed machines that a hunt selects; None as `listed`
    listed_captured: int | None = None  # listed machines captured in the last 30 days; None as `listed`


@dataclass(frozen=True)
class TechniqueTrend:
    """How often findings with one ATT&CK technique were reported, by week."""

    id: str  # such as T1059.004
    name: str  # empty if the id is not known
    tactic: str  # the first of its tactics, such as Execution; empty if none is known
    counts: tuple[int, ...]  # one for each week, oldest first; the last one is the present week
    tactics: tuple[str, ...] = ()  # all of them, in the order of MITRE's matrix

    @property
    def total(self) -> int:
        return sum(self.counts)


class CoverageQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def systems(self, *, limit: int = 50, page: str = "") -> Rows[SystemCoverage]:
        """The known systems. Those that were never captured come first, then the least recently captured."""
        question = {"list": "coverage"}
        records, after = rows(
            self._store,
            kinds.SYSTEM,
            Span(indexes.SYSTEMS, newest_first=False),
            lambda record: record,
            limit=bounded(limit),
            after=position(question, page),
        )
        known = [load(CoveredSystem, record.body) for record in records]
        names = joined(self._store, (_name_key(system) for system in known))
        weeks = last_weeks(self._now(), WEEKS)
        found = []
        for system in known:
            name = names.get(_name_key(system))
            found.append(_coverage(system, str(name.body["name"]) if name else system.name, weeks))
        return Rows(tuple(found), token(question, after))

    def summary(self) -> CoverageSummary:
        record = self._store.get(*LISTING)
        listing = load(Listing, record.body) if record else None
        known = self._store.count(indexes.SYSTEMS, most=_MOST)
        since = indexes.at(self._now() - timedelta(days=COVERAGE_DAYS))
        captured = len(self._store.positions(indexes.SYSTEMS, since=since, most=_MOST))
        if known == _MOST and listing:  # there are more than a question may count
            known, captured = max(known, listing.known), max(captured, listing.captured)
        return summary_of(listing, captured, known)

    def techniques(self, weeks: int = WEEKS) -> tuple[TechniqueTrend, ...]:
        """The most frequent first."""
        counts = [week.techniques for week in TrendQueries(self._store, self._now)(weeks)]
        ids = {id for week in counts for id in week}
        trends = (_technique(id, tuple(week.get(id, 0) for week in counts)) for id in ids)
        return tuple(sorted(trends, key=lambda trend: (-trend.total, trend.id)))


def summary_of(listing: Listing | None, captured: int, known: int) -> CoverageSummary:
    """`captured` and `known` are counts of systems, as `CoverageSummary` describes them."""
    if listing is None:
        return CoverageSummary(captured, known, problems=(_NOT_LISTED,))
    return CoverageSummary(
        captured=captured,
        known=known,
        listed=listing.listed,
        unselected=listing.unselected,
        unselected_total=listing.unselected_total,
        at=listing.at,
        problems=listing.problems,
        selected=None if listing.listed is None else listing.selected,
        listed_captured=None if listing.listed is None else listing.recently_captured,
    )


def _technique(id: str, counts: tuple[int, ...]) -> TechniqueTrend:
    tactics = attack.tactics(id)
    return TechniqueTrend(id, attack.name(id), next(iter(tactics), ""), counts, tactics)


def _name_key(system: CoveredSystem) -> Key:
    return kinds.NAME, "", system.system.instance


def _coverage(known: CoveredSystem, name: str, weeks: Iterable[str]) -> SystemCoverage:
    return SystemCoverage(
        system_key=known.system.key,
        system=known.system,
        name=name,
        weeks=tuple(
            WeekOutcome(monday_of(week), worst(known.weeks.get(week, {}).values())) for week in weeks
        ),
        last_captured_at=known.last_captured_at,
        last_attempt_at=known.last_attempt_at,
        last_reason=known.last_reason,
        failures_in_a_row=known.failures_in_a_row,
        hunts=known.hunts,
    )
