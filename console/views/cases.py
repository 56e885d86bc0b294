"""The list of cases: its filter, its title and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console import urls
from console.filters import counted, number
from shared.models.severity import Severity
from shared.models.systems import Kind
from shared.storage.queries.case_filter import Age, CaseFilter, Which
from shared.storage.queries.cases import MOST_LOOKED_AT, CaseCounts, CaseRow
from shared.storage.queries.pages import Rows
from shared.storage.queries.queries import Queries

ROWS = 50
MINE = "mine"
# The tabs of the list, and how each is called.
TABS = {
    Which.NOT_CLOSED: "Not closed",
    Which.OPEN: "Open",
    Which.TAKEN: "Taken",
    MINE: "Mine",
    Which.CLOSED: "Closed",
    Which.ALL: "All",
}
AGES = {Age.DAY: "less than a day", Age.WEEK: "1 to 7 days", Age.OLDER: "more than 7 days"}
NOBODY = "nobody"
LONGEST = 200  # characters of a value of the filter
_LONGEST_KEY = 700  # of a system


def system_name(row: CaseRow) -> str:
    """The shortest name by which people know the system of a case."""
    named = row.name if row.system is None or row.system.kind is Kind.EC2 else ""
    return named or (row.system.title if row.system else "") or row.title or row.key


@dataclass(frozen=True)
class Chosen:
    """What the list shows. Every value stands in the address of the page, so every view has an address."""

    state: str = Which.NOT_CLOSED  # a key of TABS
    severity: Severity | None = None
    taken_by: str = ""
    text: str = ""
    age: Age | None = None
    system: str = ""  # a `System.key`

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> Chosen:
        """The filter in the address. A value that means nothing is left out."""
        state, severity, age = (arguments.get(name, "") for name in ("state", "severity", "age"))
        system = arguments.get("system", "")[:_LONGEST_KEY].strip()
        return cls(
            state if state in TABS else Which.ALL if system else Which.NOT_CLOSED,
            Severity(severity) if severity in set(Severity) else None,
            arguments.get("taken_by", "")[:LONGEST].strip() if state not in _WITHOUT_OWNER else "",
            arguments.get("q", "")[:LONGEST].strip(),
            Age(age) if age in set(Age) else None,
            system,
        )

    @property
    def narrows(self) -> bool:
        """Whether it leaves out some of the cases of its tab."""
        return bool(self.severity or self.taken_by or self.text or self.age or self.system)

    @property
    def has_owner(self) -> bool:
        """Whether people choose who has the cases of this tab."""
        return self.state not in _WITHOUT_OWNER

    def address(self, state: str) -> str:
        """The same filter on another tab."""
        return urls.cases(
            state="" if state == Which.NOT_CLOSED and not self.system else state,
            q=self.text,
            severity=self.severity or "",
            taken_by=self.taken_by if state not in _WITHOUT_OWNER else "",
            age=self.age or "",
            system=self.system,
        )

    def wanted(self, me: str) -> CaseFilter:
        owner: str | None = "" if self.taken_by == NOBODY else self.taken_by or None
        return CaseFilter(
            Which.TAKEN if self.state == MINE else Which(self.state),
            self.severity,
            me if self.state == MINE else owner,
            self.text,
            self.age,
            self.system,
        )


_WITHOUT_OWNER = (Which.OPEN, MINE, Which.CLOSED)


@dataclass(frozen=True)
class CaseList:
    """One page of the list."""

    title: str
    filter: Chosen
    rows: tuple[CaseRow, ...]
    next: str
    counts: CaseCounts
    order: str  # in words
    looked_at: int = 0  # the most cases that this page looked at; 0: an index has the rows

    def count(self, state: str) -> int | None:
        """How many cases a tab has; None if that is not counted."""
        not_taken, taken = sum(self.counts.open.values()), sum(self.counts.acknowledged.values())
        counted = {Which.NOT_CLOSED: not_taken + taken, Which.OPEN: not_taken, Which.TAKEN: taken}
        return {str(which): count for which, count in counted.items()}.get(state)


def case_list(
    queries: Queries, counts: CaseCounts, filter: Chosen, me: str, page: str = "", limit: int = ROWS
) -> CaseList:
    """`me`: whose cases the tab "Mine" shows. Raises StoreError, and BadToken."""
    wanted = filter.wanted(me)
    rows = queries.cases.list(wanted, limit=limit, page=page)
    looked_at = 0 if wanted.is_by_index else MOST_LOOKED_AT
    return CaseList(
        _title(filter, counts, rows), filter, rows.rows, rows.next, counts, _order(filter), looked_at
    )


def _order(filter: Chosen) -> str:
    if filter.system:
        return "newest first"
    if filter.state == Which.CLOSED:
        return "closed last first"
    return "worst first, then the closed ones" if filter.state == Which.ALL else "worst first"


def _title(filter: Chosen, counts: CaseCounts, rows: Rows[CaseRow]) -> str:
    not_taken = sum(counts.open.values())
    if filter.system:
        name = next((row.name for row in rows.rows if row.name), filter.system.rpartition("/")[2])
        return f"Cases of {name}"
    match filter.state:
        case Which.CLOSED:
            return "Closed cases" if rows.rows or filter.narrows else "No case was closed yet"
        case Which.ALL:
            return "All cases" if rows.rows or filter.narrows else "There is no case yet"
        case "mine":
            return (
                "The cases that you have taken" if rows.rows or filter.narrows else "You have taken no case"
            )
        case Which.TAKEN:
            taken = sum(counts.acknowledged.values())
            return f"{counted(taken, 'case')} taken" if taken else "No case is taken"
        case Which.OPEN:
            return f"{counted(not_taken, 'case')} not taken" if not_taken else "Every case is taken"
    if not counts.total:
        return "No case is open"
    return f"{counted(counts.total, 'case')} not closed, {number(not_taken)} not taken"
