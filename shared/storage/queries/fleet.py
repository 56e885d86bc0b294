"""The coverage of the whole organization: which running machines were not captured for long, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from shared.models.coverage import Listing
from shared.models.fleet_coverage import (
    REASONS_IN_WORDS,
    FleetPart,
    FleetRow,
    OrganizationCoverage,
    Reason,
    UnknownPlace,
)
from shared.models.systems import System
from shared.phrases import counted, percent
from shared.storage import kinds
from shared.storage.ledger.coverage import LISTING
from shared.storage.ledger.documents import read
from shared.storage.ledger.fleet import GROUP, part_of
from shared.storage.ports import MOST_ON_A_PAGE, Store
from shared.storage.queries.pages import Rows, bounded, position, token

_STEPS = 4  # of one page, of which each reads up to a hundred documents
_QUESTION = {"list": "uncovered"}


@dataclass(frozen=True)
class Uncovered:
    """A running machine that was not captured for long."""

    system: System
    name: str
    reason: str  # one of `Reason`
    why: str  # in words
    hunt: str = ""  # the first hunt that selects it, or finds it and leaves it out
    days: int | None = None  # since its last successful capture; None: it never was captured
    running_since: date | None = None
    too_old: bool = False


class FleetQueries:
    def __init__(self, store: Store) -> None:
        self._store = store

    def coverage(self) -> OrganizationCoverage | None:
        """The result of the last look; None if the configuration does not ask for one, or there was none."""
        listing = read(self._store, Listing, *LISTING)
        return listing.organization if listing else None

    def uncovered(self, *, limit: int = 100, page: str = "") -> Rows[Uncovered]:
        """By account and region. A page ends with a document, so it may have more rows than `limit`. What is
        in a place that cannot be read is left out: `OrganizationCoverage.unknown` names the place."""
        last = self.coverage()
        if last is None:
            return Rows(())
        found: list[Uncovered] = []
        after = position(_QUESTION, page)
        for _ in range(_STEPS):
            documents = self._store.page_of_group(kinds.FLEET, GROUP, limit=MOST_ON_A_PAGE, after=after)
            for number, record in enumerate(documents.records, 1):
                found += _rows(part_of(record), last)
                if len(found) >= bounded(limit):
                    is_end = number == len(documents.records) and not documents.after
                    return Rows(tuple(found), token(_QUESTION, "" if is_end else record.name))
            after = documents.after
            if not after:
                break
        return Rows(tuple(found), token(_QUESTION, after))

    def every_uncovered(self) -> Iterator[Uncovered]:
        """All of them, for files and commands: this reads every place."""
        if last := self.coverage():
            for record in self._store.scan(kinds.FLEET, GROUP):
                yield from _rows(part_of(record), last)


def _rows(part: FleetPart, last: OrganizationCoverage) -> Iterator[Uncovered]:
    if part.unread or part.day < last.day:
        return
    for row in part.rows:
        if row.why.reason is not Reason.CAPTURED:
            yield _uncovered(part, row)


def _uncovered(part: FleetPart, row: FleetRow) -> Uncovered:
    return Uncovered(
        system=part.system(row),
        name=row.name,
        reason=row.why.reason.value,
        why=row.why.words,
        hunt=row.why.hunt,
        days=row.days(part.day),
        running_since=row.since,
        too_old=row.old_on is not None,
    )


def share_in_words(coverage: OrganizationCoverage) -> str:
    """Such as "at most 84 % of the running machines were captured in 35 days"."""
    if not coverage.running:
        return "no running machine is known"
    at_most = "at most " if coverage.unknown_total else ""
    share = percent(coverage.captured, coverage.running)
    return (
        f"{at_most}{share} % of {counted(coverage.running, 'running machine')} "
        f"{'was' if coverage.running == 1 else 'were'} captured in {coverage.max_age_days} days"
    )


def reasons_in_words(coverage: OrganizationCoverage) -> Iterator[tuple[str, int]]:
    """Why the others were not captured, the most frequent reason first."""
    for reason, count in sorted(coverage.reasons.items(), key=lambda item: -item[1]):
        yield REASONS_IN_WORDS[Reason(reason)] if reason in tuple(Reason) else reason, count


def place_in_words(place: UnknownPlace) -> str:
    where = place.account or "this machine's own account"
    return f"{where}, {place.region}" if place.region else where
