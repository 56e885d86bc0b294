"""The plan of one daily look at the whole organization: which accounts there are, and whose they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from scheduler.coverage_reasons import AccountNames
from scheduler.parallel_calls import ParallelCalls
from shared.config.config import Config
from shared.config.coverage import ALL_ACCOUNTS, CoverageConfig
from shared.config.targets import SelectorConfig
from shared.models.codec import dump, load
from shared.models.inventory import ACTIVE, InstanceError, OrganizationFleet
from shared.storage import kinds
from shared.storage.ledger.notes import Notes

MOST_ACCOUNTS = 10  # of one item
_NOTE = "plan"


@dataclass(frozen=True)
class Plan:
    day: date
    began_at: datetime
    accounts: tuple[str, ...] | None = None  # as in `System`; None: they are not found yet
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the accounts of each unit, by name
    unread_units: Mapping[str, str] = field(default_factory=dict)  # why the accounts of a unit are not known
    # By name: all names of that account, the name itself included, where there are several.
    same: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ended: bool = False

    @property
    def names(self) -> AccountNames:
        return AccountNames(self.same, self.units)


def load_plan(notes: Notes) -> Plan | None:
    body = notes.get(kinds.COVERAGE_JOB_NOTES, _NOTE)
    return load(Plan, body) if body else None


def save_plan(notes: Notes, plan: Plan) -> None:
    notes.save(kinds.COVERAGE_JOB_NOTES, _NOTE, dump(plan))


def with_accounts(
    plan: Plan, config: Config, settings: CoverageConfig, fleet: OrganizationFleet, calls: ParallelCalls
) -> tuple[Plan, dict[str, str]]:
    """The plan with the accounts to look at; and the state of each of them that is not active."""
    by = config.organization.account if config.organization else ""
    of_hunts = {unit for selector in _selectors(config) for unit in selector.organizational_units}
    states, unread = calls.each(
        lambda unit: fleet.accounts_below(unit, by), sorted({*of_hunts, *settings.organizational_units})
    )
    takes_all = ALL_ACCOUNTS in settings.accounts
    looked_at = {*states, *unread} if takes_all else {*settings.organizational_units}
    ids = {id: state for unit in sorted(looked_at) for id, state in states.get(unit, {}).items()}
    names = [*_named(config, settings, in_units=bool(ids)), *map(config.account_name, ids)]
    same = _same(config, fleet, names)
    accounts = tuple(dict.fromkeys(same.get(name, (name,))[0] for name in names))
    inactive = {config.account_name(id): state for id, state in ids.items() if state != ACTIVE}
    plan = replace(
        plan,
        accounts=accounts,
        units={
            unit: tuple(config.account_name(id) for id, state in found.items() if state == ACTIVE)
            for unit, found in states.items()
        },
        unread_units={unit: why for unit, why in unread.items() if unit in looked_at},
        same=same,
    )
    return plan, {same.get(name, (name,))[0]: state for name, state in inactive.items()}


def _named(config: Config, settings: CoverageConfig, *, in_units: bool) -> Iterator[str]:
    """The accounts that the configuration names, and this machine's own if a hunt looks there or nothing else
    is named."""
    if ALL_ACCOUNTS not in settings.accounts:
        yield from settings.accounts
        return
    yield from (name for name, account in config.accounts.items() if account.provider == "aws")
    selectors = list(_selectors(config))
    looks_here = any(not each.accounts and not each.organizational_units for each in selectors)
    names_here = any(not system.account for hunt in config.hunts.values() for system in hunt.systems)
    if looks_here or names_here or not (config.accounts or in_units):
        yield ""


def _selectors(config: Config) -> Iterator[SelectorConfig]:
    for hunt in config.hunts.values():
        yield from (target for target in hunt.targets if isinstance(target, SelectorConfig))


def _same(config: Config, fleet: OrganizationFleet, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By name: all names of the same account, where there are several."""
    by_id: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys([*config.accounts, *names]):
        account = config.account(name)
        if account and account.id:
            by_id[account.id].append(name)
    with suppress(InstanceError):  # without credentials of its own this machine can read no account
        by_id[fleet.own_account()].append("")
    return {name: tuple(group) for group in by_id.values() if len(group) > 1 for name in group}
