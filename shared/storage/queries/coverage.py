"""Which systems were captured, and when: by system and week, and in sum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from shared.models import attack
from shared.models.codec import load
from shared.models.coverage import CoveredShare, CoveredSystem, Listing, Outcome, Unselected, worst
from shared.models.fleet_coverage import OrganizationCoverage
from shared.models.hunts import COVERAGE_DAYS
from shared.models.systems import Kind, System
from shared.models.weeks import last_weeks, monday_of
from shared.storage import indexes, kinds
from shared.storage.ledger.coverage import LISTING
from shared.storage.ports import Key, Record, Store
from shared.storage.queries.pages import MAX_LIMIT, Rows, bounded, position, token
from shared.storage.queries.reading import MAX_STEPS, Span, joined, rows
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
    kind: Kind
    place: str  # in words
    name: str  # the name of an EC2 instance, empty if it is not known; for other kinds their own
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
    weeks: Mapping[str, CoveredShare] = field(default_factory=dict)  # by ISO week, as far as it is known
    failures: int = 0  # how many accounts, regions and organizational units could not be listed
    organization: OrganizationCoverage | None = None  # None: the configuration does not ask for it


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


@dataclass(frozen=True)
class SystemFilter:
    """Which systems a list has. An empty text leaves that condition out."""

    hunt: str = ""  # the name of a hunt that captured it
    account: str = ""  # "-" is the platform's own, which has no name
    region: str = ""
    kind: Kind | None = None
    outcome: Outcome | None = None  # in at least one of the last 12 weeks
    name: str = ""  # a part of its name or of its instance id
    not_captured_since: datetime | None = None  # it was last captured before this, or never

    @property
    def narrows(self) -> bool:
        return self != SystemFilter()

    def takes(self, system: CoveredSystem, weeks: Iterable[str]) -> bool:
        """Whether the list has this system, as far as it can be said without its name."""
        captured, since = system.last_captured_at, self.not_captured_since
        return (
            (not self.hunt or self.hunt in system.hunts)
            and self.account.lower() in ("", system.system.account.lower() or "-")
            and self.region.lower() in ("", system.system.region.lower())
            and self.kind in (None, system.system.kind)
            and (since is None or captured is None or captured < since)
            and (
                self.outcome is None
                or any(worst(system.weeks.get(week, {}).values()) is self.outcome for week in weeks)
            )
        )


class CoverageQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def systems(
        self,
        *,
        limit: int = 50,
        page: str = "",
        filter: SystemFilter = SystemFilter(),
        steps: int = MAX_STEPS,
    ) -> Rows[SystemCoverage]:
        """The known systems. Those that were never captured come first, then the least recently captured.
        `steps` is as for `rows`."""
        question = {"list": "coverage"} | {key: value for key, value in asdict(filter).items() if value}
        question.pop("not_captured_since", None)  # it moves with the time, and the list is in its order
        weeks = last_weeks(self._now(), WEEKS)

        def row_of(record: Record) -> CoveredSystem | None:
            system = load(CoveredSystem, record.body)
            return system if filter.takes(system, weeks) else None

        known, after = rows(
            self._store,
            kinds.SYSTEM,
            Span(indexes.SYSTEMS, newest_first=False),
            row_of,
            # Names are read for all that are found, so a search for a name takes as many as it can.
            limit=MAX_LIMIT if filter.name else bounded(limit),
            after=position(question, page),
            filtered=filter.narrows,
            steps=steps,
        )
        names = joined(self._store, (_name_key(system) for system in known))
        found = []
        for system in known:
            name = names.get(_name_key(system))
            shown = str(name.body["name"]) if name else system.name
            if filter.name.lower() in f"{shown}\n{system.system.instance}\n{system.system.title}".lower():
                found.append(_coverage(system, shown, weeks))
        return Rows(tuple(found), token(question, after))

    def summary(self) -> CoverageSummary:
        record = self._store.get(*LISTING)
        listing = load(Listing, record.body) if record else None
        positions = self._store.positions(indexes.SYSTEMS, newest_first=True, most=_MOST)
        since = indexes.at(self._now() - timedelta(days=COVERAGE_DAYS))
        known, captured = len(positions), sum(position >= since for position in positions)
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
        weeks=listing.weeks,
        failures=listing.failures,
        organization=listing.organization,
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
        kind=known.system.kind,
        place=known.system.place,
        name=name or ("" if known.system.kind is Kind.EC2 else known.system.name),
        weeks=tuple(
            WeekOutcome(monday_of(week), worst(known.weeks.get(week, {}).values())) for week in weeks
        ),
        last_captured_at=known.last_captured_at,
        last_attempt_at=known.last_attempt_at,
        last_reason=known.last_reason,
        failures_in_a_row=known.failures_in_a_row,
        hunts=known.hunts,
    )
