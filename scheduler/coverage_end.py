"""Ends a daily look at the whole organization: counts what its places hold, and tells what became too old.

Everything is counted from the stored places, one after the other, so that it can be repeated. A place without
a look of this day is unknown; what it held before is not counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta

from scheduler.coverage_plan import Plan, save_plan
from scheduler.own_events import raise_event
from scheduler.wording import account_in_words
from shared.hosting.runtime import Runtime
from shared.models.coverage import MAX_UNSELECTED, Listing, Unselected, with_week
from shared.models.event_kinds import COVERAGE_OLD
from shared.models.events import Event
from shared.models.fleet_coverage import (
    IN_NO_HUNT,
    MAX_UNKNOWN,
    FleetPart,
    FleetRow,
    OrganizationCoverage,
    Reason,
    UnknownPlace,
    Unread,
)
from shared.models.hunts import COVERAGE_DAYS
from shared.models.systems import Kind, System
from shared.phrases import counted
from shared.storage import indexes

log = logging.getLogger(__name__)

_MOST_KNOWN = 200_000  # systems that hunts captured, of which each is counted
_MOST_PROBLEMS = 20
_MOST_GROUPS, _NAMED = 25, 5  # lines of the message, and machines that each names
_TOO_LATE = "it was not looked at in time"


def end_if_all_are_read(runtime: Runtime, plan: Plan, *, late: bool = False) -> bool:
    """End the look if every account has been read, or if it is late. Returns whether it has ended."""
    fleet, accounts = runtime.ledger.fleet, plan.accounts or ()
    heads = {place[0]: part for place, part in fleet.first_parts((name, "") for name in accounts).items()}
    missing = [name for name in accounts if name not in heads or heads[name].day != plan.day]
    if missing and not late:
        return False
    for name in missing:
        fleet.save(name, "", plan.day, unread=Unread.NOT_READABLE, why=_TOO_LATE)
    tally = _Tally(plan, runtime.config.coverage.max_age_days if runtime.config.coverage else 0)
    over = []
    for part in fleet.all():
        if tally.is_over(part):
            over.append(replace(part, rows=()))
        else:
            tally.add(part)
    for part in over:
        fleet.delete(part)
    last = runtime.ledger.listings.last()
    listing = _listing(runtime, tally)
    if runtime.config.coverage and runtime.config.coverage.tell:
        _tell(runtime, tally)  # before saving: a crash in between raises it again, which is harmless
    runtime.ledger.listings.save(with_week(listing, last))
    save_plan(runtime.ledger.notes, replace(plan, ended=True))
    log.info(
        "the organization is looked at",
        extra={"listed": tally.running, "captured": tally.captured, "unknown": tally.unknown_total},
    )
    return True


@dataclass
class _Group:
    """Machines that became too old, in one account for one reason."""

    count: int = 0
    named: list[str] = field(default_factory=list)
    why: str = ""


class _Tally:
    """Counts the stored places, each part once, in the order of their accounts and regions."""

    def __init__(self, plan: Plan, max_age_days: int) -> None:
        self._plan, self.day, self.max_age_days = plan, plan.day, max_age_days
        self._accounts = set(plan.accounts or ())
        self.running = self.captured = self.selected = self.recent = self.places = 0
        self.reasons: Counter[str] = Counter()
        self.too_old = 0
        self.new: dict[tuple[str, Reason], _Group] = {}
        self.new_total = 0
        self.unselected: list[Unselected] = []
        self.unselected_total = 0
        self._unknown: dict[tuple[str, str], UnknownPlace] = {}
        self.unknown_total = 0
        self._unread_accounts: set[str] = set()
        for unit, why in plan.unread_units.items():
            self._add_unknown(unit, "", Unread.NOT_READABLE, why, 0)

    @property
    def unknown(self) -> tuple[UnknownPlace, ...]:
        return tuple(self._unknown.values())

    def is_over(self, part: FleetPart) -> bool:
        """Whether the place is not there any more: its account was read on this day, and it was not. While a
        unit cannot be read, an account that is missing may be one of its own."""
        if part.account not in self._accounts:
            return not self._plan.unread_units
        return part.day != self.day and part.account not in self._unread_accounts

    def add(self, part: FleetPart) -> None:
        if part.account not in self._accounts:
            return
        # The part of an account as a whole comes before those of its regions.
        if not part.region:
            if part.unread:
                self._unread_accounts.add(part.account)
                self._add_unknown(part.account, "", part.unread, part.unread_why, 0)
        elif part.account in self._unread_accounts:
            self._add_before(part.account, "", len(part.rows))
        elif part.unread:
            self._add_unknown(part.account, part.region, part.unread, part.unread_why, len(part.rows))
        else:
            self.places += part.part == 0
            for row in part.rows:
                self._add_row(part, row)

    def _add_row(self, part: FleetPart, row: FleetRow) -> None:
        reason = row.why.reason
        self.running += 1
        self.recent += bool(row.captured and (self.day - row.captured).days <= COVERAGE_DAYS)
        self.selected += bool(row.why.hunt) and reason not in IN_NO_HUNT
        if reason is Reason.CAPTURED:
            self.captured += 1
            return
        self.reasons[reason.value] += 1
        if reason in IN_NO_HUNT:
            self.unselected_total += 1
            if len(self.unselected) < MAX_UNSELECTED:
                self.unselected.append(Unselected(part.system(row), row.name, row.why.detail))
        if row.old_on:
            self.too_old += 1
            if row.old_on == self.day:
                self._add_new(part.account, row)

    def _add_new(self, account: str, row: FleetRow) -> None:
        self.new_total += 1
        group = self.new.setdefault((account, row.why.reason), _Group(why=row.why.words))
        group.count += 1
        if len(group.named) < _NAMED:
            age = row.age(self.day)
            days = f"{age:,} days" if row.captured else f"never in {age:,} days"
            named = f"{row.name} ({row.instance})" if row.name else row.instance
            group.named.append(f"{named}, {days}")

    def _add_unknown(self, account: str, region: str, unread: Unread, why: str, before: int) -> None:
        if (account, region) in self._unknown:  # a later part of the same place
            self._add_before(account, region, before)
            return
        self.unknown_total += 1
        if len(self._unknown) < MAX_UNKNOWN:
            self._unknown[account, region] = UnknownPlace(account, region, unread, why, before)

    def _add_before(self, account: str, region: str, rows: int) -> None:
        if known := self._unknown.get((account, region)):
            self._unknown[account, region] = replace(known, before=known.before + rows)

    def coverage(self, others: int, others_captured: int) -> OrganizationCoverage:
        return OrganizationCoverage(
            day=self.day,
            max_age_days=self.max_age_days,
            accounts=len(self._accounts),
            places=self.places,
            running=self.running,
            captured=self.captured,
            reasons=dict(self.reasons.most_common()),
            too_old=self.too_old,
            unknown=self.unknown,
            unknown_total=self.unknown_total,
            others=others,
            others_captured=others_captured,
        )


def _listing(runtime: Runtime, tally: _Tally) -> Listing:
    now = runtime.now()
    positions = runtime.store.positions(indexes.SYSTEMS, newest_first=True, most=_MOST_KNOWN)
    recent = indexes.at(now - timedelta(days=COVERAGE_DAYS))
    others = [each for each in positions if _kind(each) is not Kind.EC2]
    since = indexes.at(now - timedelta(days=tally.max_age_days))
    return Listing(
        now,
        listed=tally.running if tally.places else None,
        unselected=tuple(tally.unselected),
        unselected_total=tally.unselected_total,
        problems=tuple(map(in_words, tally.unknown[:_MOST_PROBLEMS])),
        failures=tally.unknown_total,
        selected=tally.selected,
        recently_captured=tally.recent,
        known=len(positions),
        captured=sum(position >= recent for position in positions),
        organization=tally.coverage(len(others), sum(position >= since for position in others)),
    )


def _kind(position: str) -> Kind:
    return System.from_key(position.partition("#")[2]).kind


def in_words(place: UnknownPlace) -> str:
    """One sentence about a place that is not known."""
    is_unit = place.account.startswith(("ou-", "r-")) and not place.region
    where = f"the accounts of {place.account}" if is_unit else account_in_words(place.account)
    where += f", {place.region}" if place.region else ""
    before = f"; {counted(place.before, 'machine')} ran there before" if place.before else ""
    return f"{where}: not known: {place.why}{before}"


def _tell(runtime: Runtime, tally: _Tally) -> None:
    """Raise an event about the machines that became too old on this day, if there are any."""
    if not tally.new_total:
        return
    groups = sorted(tally.new.items(), key=lambda item: -item[1].count)
    lines = []
    for (account, reason), group in groups[:_MOST_GROUPS]:
        more = group.count - len(group.named)
        named = "; ".join(group.named) + (f"; and {more:,} more" if more else "")
        why = f"{reason.value}, such as: {group.why}" if group.count > 1 else group.why
        lines.append(f"{group.count:,} in {account_in_words(account)}: {why}: {named}")
    if rest := sum(group.count for _, group in groups[_MOST_GROUPS:]):
        lines.append(f"{rest:,} in other accounts or for other reasons")
    if tally.unknown_total:
        lines.append(f"{counted(tally.unknown_total, 'place')} could not be read")
    event = Event(
        id=f"{COVERAGE_OLD}:{tally.day}",
        kind=COVERAGE_OLD,
        received_at=runtime.now(),
        title=f"{counted(tally.new_total, 'machine')} not captured for {tally.max_age_days} days",
        text="\n".join(lines),
    )
    raise_event(runtime.events, event)
