"""Lists of cases, everything about one case, and how many are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.models.cases import Case, CaseState
from shared.models.codec import load
from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.models.systems import System
from shared.storage import indexes, kinds
from shared.storage.ledger.findings import Findings
from shared.storage.ports import Record, Store
from shared.storage.queries.case_filter import Age, CaseFilter, Which
from shared.storage.queries.case_timeline import Timeline, TimelineEntry
from shared.storage.queries.pages import Rows, bounded, position, token
from shared.storage.queries.reading import STEP, joined, rows

_STEPS = 2  # of one page; each costs two requests to DynamoDB
MOST_LOOKED_AT = _STEPS * STEP  # cases that one page of a filtered list looks at


@dataclass(frozen=True)
class CaseRow:
    """One case, as lists and its own page show it."""

    key: str
    state: CaseState
    severity: Severity
    title: str
    system: System | None
    name: str  # the instance's name; empty if it is not known
    malicious: int
    suspicious: int
    findings: tuple[Finding, ...]  # worst first
    opened_at: datetime
    last_at: datetime  # when its last alarm came
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    verdict: str = ""  # true_positive, benign or false_positive; empty if it is not closed
    closed_by: str = ""
    closed_at: datetime | None = None
    why: str = ""  # what the person wrote who closed it
    told: tuple[str, ...] = ()  # destinations
    hunt_id: str = ""
    project_id: int | None = None
    worst: str = ""  # the description of the worst finding
    refs: Mapping[str, str] = field(default_factory=dict)  # what each destination gave, such as a Jira key
    alarms: int = 0  # how many alarms it has
    # Destinations that are told of it only then; None: when its hunt has ended.
    held: Mapping[str, datetime | None] = field(default_factory=dict)


@dataclass(frozen=True)
class CaseCounts:
    """How many cases are not closed. `open` are those that nobody has acknowledged."""

    open: Mapping[Severity, int]
    acknowledged: Mapping[Severity, int]
    under_a_day: int = 0  # the age of open and acknowledged cases
    one_to_seven_days: int = 0
    over_seven_days: int = 0
    oldest_open_at: datetime | None = None

    @property
    def total(self) -> int:
        return sum(self.open.values()) + sum(self.acknowledged.values())


class CaseQueries:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def list(
        self, wanted: CaseFilter, *, limit: int = 50, page: str = "", with_refs: bool = True
    ) -> Rows[CaseRow]:
        """The cases that fit. Cases that are not closed come worst first, and of equally bad ones the oldest
        first. Closed cases come in the order of their closing, the last one first. Cases of one system come
        newest first.

        A page whose filter has no index looks at no more than MOST_LOOKED_AT cases, and the next page goes
        on behind them. Without references a page costs fewer requests.
        """
        spans, now = wanted.spans, self._now()
        place, _, after = position(wanted.question, page).partition(" ")
        first = 1 if place == "1" and len(spans) > 1 else 0
        left, records = bounded(limit), []
        for number, span in enumerate(spans[first:], first):
            found, after = rows(
                self._store,
                kinds.CASE_FILE,
                span,
                lambda record: record if wanted.fits(record, now) else None,
                limit=left,
                after=after,
                filtered=not wanted.is_by_index,
                steps=_STEPS // len(spans),
            )
            records += found
            left -= len(found)
            is_last = number + 1 == len(spans)
            following = f"{number} {after}" if after else "" if is_last else f"{number + 1} "
            if after or not left:
                break
        return Rows(tuple(self._rows(records, with_refs)), token(wanted.question, following))

    def open(
        self,
        *,
        severity: Severity | None = None,
        owner: str | None = None,
        limit: int = 50,
        page: str = "",
    ) -> Rows[CaseRow]:
        """The cases that are not closed, worst first, and of equally bad ones the oldest first. `owner`: only
        those that this person acknowledged; with an empty text, only those that nobody acknowledged."""
        return self.list(CaseFilter(severity=severity, owner=owner), limit=limit, page=page)

    def closed(self, *, since: datetime | None = None, limit: int = 50, page: str = "") -> Rows[CaseRow]:
        """The closed cases, the one that was closed last first."""
        return self.list(CaseFilter(Which.CLOSED, closed_since=since), limit=limit, page=page)

    def of_system(self, system_key: str, limit: int = 50, page: str = "") -> Rows[CaseRow]:
        """The cases of one system, newest first."""
        return self.list(CaseFilter(Which.ALL, system=system_key), limit=limit, page=page)

    def get(self, case_key: str, destinations: Iterable[str] = ()) -> CaseRow | None:
        """`destinations`: those that may have been told. What they gave is then read with the case, so a
        store that keeps what it has read answers in one request."""
        case = kinds.CASE_FILE, case_key, "-"
        read = self._store.read_many([case, *((kinds.CASE, case_key, name) for name in destinations)])
        return next(iter(self._rows([read[case]])), None) if case in read else None

    def whole(self, case_key: str) -> CaseRow | None:
        """The case with the findings of all its alarms, worst first. Lists have those of the worst alarm."""
        row = self.get(case_key)
        if row is None:
            return None
        findings = (*row.findings, *self.told_beside(row))
        worst_first = sorted(findings, key=lambda finding: (-finding.severity.rank, -finding.count))
        return replace(row, findings=tuple(worst_first))

    def told_beside(self, row: CaseRow) -> tuple[Finding, ...]:
        """What the case was told of in other alarms than the worst."""
        if row.system is None:
            return ()
        return Findings(self._store).of_system(row.system.lasting).told_beside(row.key, row.findings)

    def timeline(self, case_key: str, limit: int = 200, page: str = "") -> Rows[TimelineEntry]:
        """The events, deliveries and entries of the audit log of a case, oldest first. A delivery is on the
        page of its event. A page may have fewer entries than asked for, and still have a next one."""
        return Timeline(self._store, case_key).page(bounded(limit), page)

    def counts(self) -> CaseCounts:
        """Counts at most 10,000 cases."""
        taken = set(self._store.positions(indexes.CASES_ACKNOWLEDGED))
        return counts_of(self._store.positions(indexes.CASES_OPEN), taken, self._now())

    def _rows(self, records: Iterable[Record], with_refs: bool = True) -> Iterator[CaseRow]:
        cases = [(record.group, load(Case, record.body)) for record in records]
        refs = {(kinds.CASE, key, name) for key, case in cases if with_refs for name in case.told}
        read = joined(self._store, sorted(refs))
        for key, case in cases:
            found = {name: read.get((kinds.CASE, key, name)) for name in case.told}
            held = {name: str(ref.body.get("ref") or "") for name, ref in found.items() if ref}
            yield case_row(key, case, {name: ref for name, ref in held.items() if ref})


def counts_of(open: Iterable[str], acknowledged: Collection[str], now: datetime) -> CaseCounts:
    """The counts of cases by their positions in the two indexes."""
    counts: dict[bool, Counter[Severity]] = {True: Counter(), False: Counter()}
    times = []
    for place in open:
        digit, time, _ = place.split("#", 2)
        counts[place in acknowledged][indexes.severity_of_digit(digit)] += 1
        times.append(datetime.fromisoformat(time))
    ages = Counter(Age.of(now - time) for time in times)
    return CaseCounts(
        open={severity: counts[False][severity] for severity in Severity},
        acknowledged={severity: counts[True][severity] for severity in Severity},
        under_a_day=ages[Age.DAY],
        one_to_seven_days=ages[Age.WEEK],
        over_seven_days=ages[Age.OLDER],
        oldest_open_at=min(times, default=None),
    )


def case_row(key: str, case: Case, refs: Mapping[str, str]) -> CaseRow:
    alarm, event, taken = case.alarm, case.alarm.event, case.acknowledgement
    opened_at = case.opened_at or event.received_at
    closure = case.closure
    findings = tuple(sorted(alarm.findings, key=lambda f: (-f.severity.rank, -f.count)))
    return CaseRow(
        key=key,
        state=case.state,
        severity=alarm.severity,
        title=case.title or event.title or key,
        system=case.system or alarm.system or event.system,
        name=alarm.instance.name if alarm.instance else alarm.evidence.hostname if alarm.evidence else "",
        malicious=(event.malicious if alarm.malicious is None else alarm.malicious) or 0,
        suspicious=(event.suspicious if alarm.suspicious is None else alarm.suspicious) or 0,
        findings=findings,
        opened_at=opened_at,
        last_at=case.last_at or opened_at,
        acknowledged_by=taken.by if taken else "",
        acknowledged_at=taken.at if taken else None,
        verdict=closure.verdict if closure else "",
        closed_by=closure.by if closure else "",
        closed_at=closure.at if closure else None,
        why=closure.why if closure else "",
        told=case.told,
        hunt_id=(alarm.hunt.id if alarm.hunt else event.hunt_id) or "",
        project_id=alarm.project.id if alarm.project else event.project_id,
        worst=findings[0].description if findings else "",
        refs=refs,
        alarms=case.alarms or 1,
        held={name: until for name, until in case.held.items() if name not in case.told},
    )
