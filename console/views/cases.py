"""The list of cases: its filter, its title and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from console.filters import counted, number
from shared.models.severity import Severity
from shared.storage.queries.cases import CaseCounts, CaseRow
from shared.storage.queries.pages import Rows
from shared.storage.queries.queries import Queries

ROWS = 50
# The tabs of the list, and how each is called.
NOT_CLOSED, OPEN, MINE, CLOSED = "not-closed", "open", "mine", "closed"
TABS = {NOT_CLOSED: "Not closed", OPEN: "Open", MINE: "Mine", CLOSED: "Closed"}
LONGEST = 200  # characters of a value of the filter


def system_name(row: CaseRow) -> str:
    """The shortest name by which people know the system of a case."""
    return row.name or (row.system.instance if row.system else "") or row.title or row.key


@dataclass(frozen=True)
class CaseFilter:
    """What the list shows. Every value stands in the address of the page, so every view has an address."""

    state: str = NOT_CLOSED
    severity: Severity | None = None
    taken_by: str = ""
    system: str = ""  # a `System.key`

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> CaseFilter:
        """The filter in the address. A value that means nothing is left out."""
        state, severity = arguments.get("state", ""), arguments.get("severity", "")
        return cls(
            state if state in TABS else NOT_CLOSED,
            Severity(severity) if severity in set(Severity) else None,
            arguments.get("taken_by", "")[:LONGEST].strip(),
            arguments.get("system", "")[:LONGEST].strip(),
        )

    @property
    def narrows(self) -> bool:
        """Whether it leaves out some of the cases of its tab."""
        return bool(self.severity or self.taken_by or self.system)


@dataclass(frozen=True)
class CaseList:
    """One page of the list."""

    title: str
    filter: CaseFilter
    rows: tuple[CaseRow, ...]
    next: str
    counts: CaseCounts
    order: str  # in words


def case_list(
    queries: Queries, counts: CaseCounts, filter: CaseFilter, me: str, page: str = "", limit: int = ROWS
) -> CaseList:
    """`me`: whose cases the tab "Mine" shows. Raises StoreError, and BadToken."""
    rows, order = _rows(queries, filter, me, page, limit)
    return CaseList(_title(filter, counts, rows), filter, rows.rows, rows.next, counts, order)


def _rows(queries: Queries, filter: CaseFilter, me: str, page: str, limit: int) -> tuple[Rows[CaseRow], str]:
    cases = queries.cases
    if filter.system:
        return cases.of_system(filter.system, limit=limit, page=page), "newest first"
    if filter.state == CLOSED:
        return cases.closed(limit=limit, page=page), "closed last first"
    owner = {OPEN: "", MINE: me}.get(filter.state, filter.taken_by or None)
    rows = cases.open(severity=filter.severity, owner=owner, limit=limit, page=page)
    return rows, "worst first"


def _title(filter: CaseFilter, counts: CaseCounts, rows: Rows[CaseRow]) -> str:
    not_taken = sum(counts.open.values())
    if filter.system:
        name = next((row.name for row in rows.rows if row.name), filter.system.rpartition("/")[2])
        return f"Cases of {name}"
    if filter.state == CLOSED:
        return "Closed cases" if rows.rows else "No case was closed yet"
    if filter.state == MINE:
        return "The cases that you have taken" if rows.rows else "You have taken no case"
    if filter.state == OPEN:
        return f"{counted(not_taken, 'case')} not taken" if not_taken else "Every case is taken"
    if not counts.total:
        return "No case is open"
    return f"{counted(counts.total, 'case')} not closed, {number(not_taken)} not taken"
