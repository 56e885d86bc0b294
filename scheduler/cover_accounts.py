"""Handles the items of the daily look at the whole organization.

The first item finds the accounts and queues one item for each ten of them. Such an item lists the machines of
its accounts, place by place, says of each why it was not captured, and stores the place. It holds no more
than the places that are being read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from scheduler.coverage_end import end_if_all_are_read
from scheduler.coverage_plan import MOST_ACCOUNTS, Plan, load_plan, save_plan, with_accounts
from scheduler.coverage_reasons import RUNNING, Rows, Selected
from scheduler.parallel_calls import ParallelCalls
from shared.config.coverage import CoverageConfig
from shared.config.targets import ALL_REGIONS
from shared.hosting.runtime import Runtime
from shared.models.codec import load
from shared.models.coverage import CoveredSystem
from shared.models.fleet_coverage import FleetRow, Unread
from shared.models.inventory import InstanceError, OrganizationFleet, RoleRefused
from shared.models.systems import Instance, System
from shared.queues import items
from shared.queues.ports import Again, Done, Verdict
from shared.storage import kinds
from shared.storage.ledger.fleet import Place

BUDGET = 90.0  # seconds for all questions of one item; the rest of the lease is for recording
_TRIES = 4  # claims of an item, after which what was not answered counts as unknown
_AGAIN_AFTER = 30.0  # seconds
_KEYS_AT_ONCE = 100
_NAMES_AT_ONCE = 10  # systems of one place whose name is stored


def cover_accounts(runtime: Runtime, item: items.CoverAccounts, *, claims: int) -> Verdict:
    settings, plan = runtime.config.coverage, load_plan(runtime.ledger.notes)
    if settings is None or plan is None or plan.day.isoformat() != item.day:
        return Done()  # it is not wanted any more, or a newer look has begun
    fleet = runtime.fleet
    if item.number == 0:
        with ParallelCalls(runtime.now, BUDGET) as calls:
            _find_accounts(runtime, settings, plan, fleet, calls)
        return Done()
    is_last = claims >= _TRIES
    with ParallelCalls(runtime.now, BUDGET) as calls:
        if not _Look(runtime, settings, plan, fleet, calls).read(item.accounts, is_last=is_last):
            return Again(_AGAIN_AFTER, "not every region of these accounts has answered", expected=True)
    end_if_all_are_read(runtime, plan)
    return Done()


def _find_accounts(
    runtime: Runtime, settings: CoverageConfig, plan: Plan, fleet: OrganizationFleet, calls: ParallelCalls
) -> None:
    plan, inactive = with_accounts(plan, runtime.config, settings, fleet, calls)
    for account, state in inactive.items():
        why = f"AWS Organizations says that the account is {state}"
        runtime.ledger.fleet.save(account, "", plan.day, unread=Unread.ACCOUNT_STATE, why=why)
    save_plan(runtime.ledger.notes, plan)
    active = [account for account in plan.accounts or () if account not in inactive]
    for number, begin in enumerate(range(0, len(active), MOST_ACCOUNTS), 1):
        accounts = tuple(active[begin : begin + MOST_ACCOUNTS])
        item = items.CoverAccounts(plan.day.isoformat(), number, accounts)
        runtime.captures.put(items.encode(item), id=f"cover:{item.day}:{number}")
    if not active:
        end_if_all_are_read(runtime, plan)


@dataclass(frozen=True)
class _Unread:
    """Why an account or a region cannot be read."""

    unread: Unread
    why: str


class _Look:
    """Reads some accounts on one day. What was read on the same day is not read again."""

    def __init__(
        self,
        runtime: Runtime,
        settings: CoverageConfig,
        plan: Plan,
        fleet: OrganizationFleet,
        calls: ParallelCalls,
    ) -> None:
        self._runtime, self._settings, self._plan = runtime, settings, plan
        self._fleet, self._calls, self._records = fleet, calls, runtime.ledger.fleet

    def read(self, accounts: Collection[str], *, is_last: bool) -> bool:
        """Read these accounts. Returns whether all of them are done. `is_last`: what does not answer now is
        unknown."""
        left = [account for account, _ in self._left((account, "") for account in accounts)]
        regions, late = self._calls.each(self._regions, left)
        places: list[Place] = []
        for account, found in regions.items():
            if isinstance(found, _Unread):
                self._unknown((account, ""), found)
            else:
                places += [(account, region) for region in found]
        off = {
            (account, region): _Unread(Unread.REGION_OFF, "the account has not enabled the region")
            for account, found in regions.items()
            if not isinstance(found, _Unread)
            for region, is_on in found.items()
            if not is_on
        }
        for place in self._left(off):
            self._unknown(place, off[place])
        wanted = self._left(place for place in places if place not in off)
        _, unanswered = self._calls.each(self._read, wanted)
        if is_last:
            for place, why in unanswered.items():
                self._unknown(place, _Unread(Unread.NOT_READABLE, why))
            for account, why in late.items():
                self._unknown((account, ""), _Unread(Unread.NOT_READABLE, why))
            unanswered, late = {}, {}
        waiting = {account for account, _ in unanswered}
        for account, found in regions.items():
            if account not in waiting and not isinstance(found, _Unread):
                self._records.save(account, "", self._plan.day)
        return not waiting and not late

    def _left(self, places: Iterable[Place]) -> list[Place]:
        """Those of these places that were not read on this day."""
        wanted = list(places)
        done = self._records.first_parts(wanted)
        return [place for place in wanted if place not in done or done[place].day != self._plan.day]

    def _regions(self, account: str) -> dict[str, bool] | _Unread:
        """The regions to look at, each with whether the account has enabled it."""
        wanted = self._settings.regions
        try:
            enabled = self._fleet.regions(account)
        except RoleRefused as error:
            return _Unread(Unread.NO_ROLE, str(error))
        except InstanceError as error:
            if ALL_REGIONS in wanted:
                return _Unread(Unread.NOT_READABLE, f"its regions are not known: {error}")
            return dict.fromkeys(wanted, True)  # each of them says itself whether it can be read
        if ALL_REGIONS in wanted:
            return dict.fromkeys(enabled, True)
        return {region: region in enabled for region in wanted}

    def _read(self, place: Place) -> None:
        """Read one place and store it."""
        account, region = place
        selected = Selected(self._runtime.config, self._plan.names, account, region)
        try:
            instances = self._fleet.instances(account, region)
        except InstanceError as error:
            unread = Unread.NO_ROLE if isinstance(error, RoleRefused) else Unread.NOT_READABLE
            self._unknown(place, _Unread(unread, str(error)))
            return
        groups: Mapping[str, str] = {}
        no_groups = ""
        if instances and selected.needs_groups:
            try:
                groups = self._fleet.groups(account, region)
            except InstanceError as error:
                no_groups = f"the Auto Scaling groups are not known: {error}"
        selecting = selected.of(instances, groups, no_groups)
        running = [instance for instance in instances if instance.state == RUNNING]
        known = self._known(place, running)
        before = self._records.of_place(account, region)
        rows = Rows(
            self._runtime.config,
            self._runtime.now(),
            self._plan.day,
            self._settings.max_age_days,
            (row for part in before for row in part.rows),
        )
        made = [
            rows.row(instance, selecting[instance.id], known.get(instance.id))
            for instance in sorted(running, key=lambda instance: instance.id)
        ]
        parts = self._records.save(account, region, self._plan.day, made)
        for part in before[parts:]:
            self._records.delete(part)

    def _unknown(self, place: Place, reason: _Unread) -> None:
        """Store that a place cannot be read, with what was there when it was read last."""
        rows: list[FleetRow] = []
        if place[1]:
            rows = [row for part in self._records.of_place(*place) for row in part.rows]
        self._records.save(*place, self._plan.day, rows, unread=reason.unread, why=reason.why)

    def _known(self, place: Place, instances: Collection[Instance]) -> dict[str, CoveredSystem]:
        """The stored captures of these machines, under any name of their account."""
        account, region = place
        found: dict[str, CoveredSystem] = {}
        for name in dict.fromkeys([account, *self._plan.names.of(account), ""]):
            missing = [instance.id for instance in instances if instance.id not in found]
            for begin in range(0, len(missing), _KEYS_AT_ONCE):
                some = missing[begin : begin + _KEYS_AT_ONCE]
                keys = [(kinds.SYSTEM, "", System(id, region, name).key) for id in some]
                for record in self._runtime.store.read_many(keys).values():
                    system = load(CoveredSystem, record.body)
                    found[system.system.instance] = system
        self._save_names(instances, found)
        return found

    def _save_names(self, instances: Collection[Instance], known: Mapping[str, CoveredSystem]) -> None:
        """Store the names that EC2 has of known systems, where they differ."""
        renamed = [
            (known[instance.id].system, instance.name)
            for instance in instances
            if instance.id in known and instance.name and instance.name != known[instance.id].name
        ]
        for system, name in renamed[:_NAMES_AT_ONCE]:
            self._runtime.ledger.systems.save_name(system, name)
