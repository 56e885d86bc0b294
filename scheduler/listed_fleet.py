"""The machines of all accounts and regions, listed once, so that many hunts can be compared with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from scheduler.chosen_systems import Place
from scheduler.parallel_calls import ParallelCalls
from shared.config.config import Config
from shared.config.targets import ALL_REGIONS, SelectorConfig
from shared.models.inventory import Fleet, InstanceError
from shared.models.systems import Instance

K = TypeVar("K")
V = TypeVar("V")
_GONE = ("shutting-down", "terminated")


@dataclass(frozen=True)
class Answers(Generic[K, V]):
    """What was asked, with the answer to each question or the reason why there is none."""

    given: Mapping[K, V] = field(default_factory=dict)
    failures: Mapping[K, str] = field(default_factory=dict)

    def of(self, key: K) -> V:
        """Raises InstanceError."""
        if key not in self.given:
            raise InstanceError(self.failures.get(key, "it was not asked"))
        return self.given[key]


@dataclass(frozen=True)
class ListedFleet(Fleet):
    """A fleet that answers from one listing. Only Auto Scaling groups and volumes are asked for anew."""

    fleet: Fleet
    units: Answers[str, list[str]]
    enabled: Answers[str, list[str]]
    listing: Answers[Place, list[Instance]]

    def members(self, unit: str, account: str = "") -> list[str]:
        return self.units.of(unit)

    def regions(self, account: str) -> list[str]:
        return self.enabled.of(account)

    def instances(
        self,
        account: str,
        region: str,
        *,
        only: Collection[str] = (),
        tags: Mapping[str, Collection[str]] = {},
    ) -> list[Instance]:
        """`tags` are not compared here, since a hunt compares them itself."""
        found = self.listing.of((account, region))
        return [instance for instance in found if not only or instance.id in only]

    def groups(self, account: str, region: str) -> Mapping[str, str]:
        return self.fleet.groups(account, region)

    def volumes(self, account: str, region: str, only: Collection[str]) -> Mapping[str, list[int]]:
        return self.fleet.volumes(account, region, only)


def list_fleet(config: Config, fleet: Fleet, calls: ParallelCalls) -> ListedFleet:
    """Ask for the machines of every configured account, in every region that a hunt names or that the account
    has enabled. Terminated machines are left out."""
    selectors = [
        target
        for hunt in config.hunts.values()
        for target in hunt.targets
        if isinstance(target, SelectorConfig)
    ]
    named = {system for hunt in config.hunts.values() for system in hunt.systems}
    by = config.organization.account if config.organization else ""
    of_units = {unit for selector in selectors for unit in selector.organizational_units}
    units = Answers(*calls.each(lambda unit: fleet.members(unit, by), sorted(of_units)))
    accounts = {
        *(name for name, account in config.accounts.items() if account.provider == "aws"),
        *(system.account for system in named),
        *(name for selector in selectors for name in selector.accounts),
        *(config.account_name(id) for ids in units.given.values() for id in ids),
    }
    if any(not selector.accounts and not selector.organizational_units for selector in selectors):
        accounts.add("")  # this machine's own
    regions = {region for selector in selectors for region in selector.regions}
    enabled: Answers[str, list[str]] = Answers()
    if ALL_REGIONS in regions:
        enabled = Answers(*calls.each(fleet.regions, sorted(accounts)))
    regions = (regions - {ALL_REGIONS}) | {system.region for system in named}
    places = [
        (account, region)
        for account in sorted(accounts)
        for region in sorted(regions | set(enabled.given.get(account, ())))
    ]
    listing = Answers(*calls.each(lambda place: _there(fleet, place), places))
    return ListedFleet(fleet, units, enabled, listing)


def _there(fleet: Fleet, place: Place) -> list[Instance]:
    return [instance for instance in fleet.instances(*place) if instance.state not in _GONE]
