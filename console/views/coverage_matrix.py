"""The matrix of systems and weeks: what it shows, and how its rows are grouped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.models.coverage import Outcome
from shared.models.hunts import COVERAGE_DAYS
from shared.models.systems import Kind
from shared.storage.queries.coverage import SystemCoverage, SystemFilter

LONGEST = 200  # characters of a value of the filter
OWN_ACCOUNT = "-"  # stands for the platform's own account, which has no name
BLIND = "blind"
# What a person may ask for, and how it is called.
OUTCOMES = {
    BLIND: "blind spots",
    Outcome.MALICIOUS.value: "with malicious findings",
    Outcome.SUSPICIOUS.value: "with suspicious findings",
    Outcome.UNKNOWN.value: "with unknown findings",
    Outcome.FAILED.value: "with failures",
    Outcome.CLEAN.value: "with clean captures",
}
PLACE, HUNT, NOTHING = "place", "hunt", "none"
GROUPINGS = {PLACE: "account, region", HUNT: "hunt", NOTHING: "nothing"}


@dataclass(frozen=True)
class MatrixFilter:
    """What the matrix shows. Every value stands in the address of the page, so every view has an address."""

    name: str = ""
    hunt: str = ""
    account: str = ""
    region: str = ""
    kind: str = ""
    outcome: str = ""
    group: str = PLACE

    @classmethod
    def of(cls, arguments: Mapping[str, str]) -> MatrixFilter:
        """The filter in the address. A value that means nothing is left out."""
        name, hunt, account, region = (
            arguments.get(key, "")[:LONGEST].strip() for key in ("name", "hunt", "account", "region")
        )
        outcome, group, kind = (arguments.get(key, "") for key in ("outcome", "group", "kind"))
        return cls(
            name,
            hunt,
            account,
            region,
            kind if kind in set(Kind) else "",
            outcome if outcome in OUTCOMES else "",
            group if group in GROUPINGS else PLACE,
        )

    @property
    def narrows(self) -> bool:
        return bool(self.name or self.hunt or self.account or self.region or self.kind or self.outcome)

    def question(self, now: datetime) -> SystemFilter:
        return SystemFilter(
            hunt=self.hunt,
            account=self.account,
            region=self.region,
            kind=Kind(self.kind) if self.kind else None,
            outcome=Outcome(self.outcome) if self.outcome not in ("", BLIND) else None,
            name=self.name,
            not_captured_since=now - timedelta(days=COVERAGE_DAYS) if self.outcome == BLIND else None,
        )


@dataclass(frozen=True)
class Group:
    """The systems of one account and region, or of one hunt."""

    title: str  # empty: the rows are not grouped
    rows: tuple[SystemCoverage, ...]
    captured: int  # in the last 30 days


def groups(rows: Sequence[SystemCoverage], by: str, now: datetime) -> tuple[Group, ...]:
    """The rows in groups, by title. In each group they keep their order."""
    found: dict[str, list[SystemCoverage]] = {}
    for row in rows:
        found.setdefault(_title(row, by), []).append(row)
    since = now - timedelta(days=COVERAGE_DAYS)
    return tuple(
        Group(title, tuple(members), sum(_captured_since(row, since) for row in members))
        for title, members in sorted(found.items())
    )


def _title(row: SystemCoverage, by: str) -> str:
    if by == PLACE:
        return f"{row.system.account or 'the platform’s own account'}, {row.system.place}"
    if by == HUNT:
        return row.hunts[0] if row.hunts else "no hunt has captured them"
    return ""


def _captured_since(row: SystemCoverage, since: datetime) -> bool:
    return row.last_captured_at is not None and row.last_captured_at >= since
