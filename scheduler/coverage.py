"""Compares the machines that EC2 lists with those that hunts select and capture.

If the configuration has `coverage`, the whole organization is looked at instead, by
scheduler/cover_organization.py.

The timer runs this often, and it asks AWS at most every six hours. Before that, it enters the captures that
an earlier version stored into the record of systems, some of them in each run.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from scheduler.chosen_systems import NAMED, Choice
from scheduler.cover_organization import look_at_organization
from scheduler.discovery import Discovery
from scheduler.listed_fleet import ListedFleet, list_fleet
from scheduler.old_captures import enter_old_captures
from scheduler.parallel_calls import ParallelCalls
from scheduler.wording import account_in_words, alternatives
from shared.config.hunts import HuntConfig
from shared.hosting.runtime import Runtime
from shared.models.coverage import MAX_UNSELECTED, CoveredSystem, Listing, Unselected, with_week
from shared.models.hunts import COVERAGE_DAYS
from shared.models.systems import Instance, System
from shared.platform.client import Cado
from shared.secrets import SecretError
from shared.storage import kinds
from shared.storage.stored_times import within_last

log = logging.getLogger(__name__)

EVERY = timedelta(hours=6)
AGAIN_AFTER = timedelta(minutes=30)  # if the last attempt was cut off
BUDGET = 20.0  # seconds for all questions to AWS
_NAMES_AT_ONCE = 100  # systems whose name is stored in one run
_MAX_PROBLEMS = 20
NOT_ASKED = (
    "EC2 was not asked which machines there are, since no account is configured and no hunt looks its "
    "systems up: only the systems that hunts name are known"
)
_ATTEMPT = "attempt"  # a note


def compare_with_ec2(runtime: Runtime) -> None:
    """Compare, if the last comparison is older than EVERY."""
    now, ledger = runtime.now(), runtime.ledger
    if not enter_old_captures(runtime.store, ledger, now):
        return
    if runtime.config.coverage is not None:
        look_at_organization(runtime)
        return
    last = ledger.listings.last()
    attempt = ledger.notes.get(kinds.COVERAGE_JOB_NOTES, _ATTEMPT).get("at")
    if last and within_last(EVERY, last.at, now):
        return
    if attempt and within_last(AGAIN_AFTER, datetime.fromisoformat(attempt), now):
        return
    ledger.notes.save(kinds.COVERAGE_JOB_NOTES, _ATTEMPT, {"at": now.isoformat()})
    listing = make_listing(runtime)
    ledger.listings.save(with_week(listing, last))
    ledger.notes.delete(kinds.COVERAGE_JOB_NOTES, _ATTEMPT)
    log.info(
        "machines compared with the hunts",
        extra={"listed": listing.listed, "unselected": listing.unselected_total},
    )


def make_listing(runtime: Runtime) -> Listing:
    """Ask AWS, and compare its answers with the hunts and with what was captured."""
    config, now = runtime.config, runtime.now()
    systems = dict(runtime.ledger.systems.all())
    recent = {
        (system.system.region, system.system.instance)
        for system in systems.values()
        if system.last_captured_at
        and within_last(timedelta(days=COVERAGE_DAYS), system.last_captured_at, now)
    }
    if not config.accounts and not any(hunt.selects for hunt in config.hunts.values()):
        return Listing(now, problems=(NOT_ASKED,), known=len(systems), captured=len(recent))
    with ParallelCalls(runtime.now, BUDGET) as calls:
        fleet = list_fleet(config, runtime.make_fleet(), calls)
        machines = _by_key(fleet)
        selected: set[tuple[str, str]] = set()
        reasons: dict[tuple[str, str], str] = {}
        problems = list(_problems(fleet))
        for name, hunt in config.hunts.items():
            for choice in _choices(runtime, fleet, hunt, calls, problems, name):
                key = (choice.system.region, choice.system.instance)
                if choice.why_not:
                    reasons.setdefault(key, f"{name}: {choice.why_not}")
                else:
                    selected.add(key)
    _save_names(runtime, systems, machines)
    unselected = [
        Unselected(system, instance.name, reasons.get(key, ""))
        for key, (system, instance) in sorted(machines.items(), key=lambda each: each[1][0].key)
        if key not in selected
    ]
    return Listing(
        now,
        listed=len(machines) if fleet.listing.given else None,
        unselected=tuple(unselected[:MAX_UNSELECTED]),
        unselected_total=len(unselected),
        problems=tuple(dict.fromkeys(problems))[:_MAX_PROBLEMS],
        failures=sum(len(one.failures) for one in (fleet.units, fleet.enabled, fleet.listing)),
        selected=len(machines.keys() & selected),
        recently_captured=len(machines.keys() & recent),
        known=len(systems),
        captured=len(recent),
    )


def _by_key(fleet: ListedFleet) -> dict[tuple[str, str], tuple[System, Instance]]:
    """The listed machines by region and instance id. Two names of an account may lead to the same one."""
    machines: dict[tuple[str, str], tuple[System, Instance]] = {}
    for (account, region), instances in sorted(fleet.listing.given.items(), reverse=True):
        for instance in instances:
            machines[region, instance.id] = System(instance.id, region, account), instance
    return machines


def _choices(
    runtime: Runtime,
    fleet: ListedFleet,
    hunt: HuntConfig,
    calls: ParallelCalls,
    problems: list[str],
    name: str,
) -> Iterator[Choice]:
    """What one hunt would choose now. The platform is not asked what it can capture."""
    discovery = Discovery(runtime.config, hunt, fleet, _no_platform, calls)
    selection = discovery.select([Choice(system, NAMED) for system in hunt.systems])
    # What is said once for all hunts is not said for each.
    known = {_short_reason(region, why) for (_, region), why in fleet.listing.failures.items()}
    problems += [
        f"{name}: {problem}" for problem in selection.problems if not any(why in problem for why in known)
    ]
    yield from selection.choices


def _no_platform() -> Cado:
    raise SecretError("the platform is not asked for the coverage")


def _problems(fleet: ListedFleet) -> Iterator[str]:
    """A sentence for each account and reason, which names all regions with that reason."""
    for unit, why in fleet.units.failures.items():
        yield f"the accounts of {unit} are not known: {why}"
    for account, why in fleet.enabled.failures.items():
        yield f"{account_in_words(account)}: the enabled regions are not known: {why}"
    regions_of: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (account, region), why in fleet.listing.failures.items():
        regions_of[account, _short_reason(region, why)].append(region)
    for (account, why), regions in regions_of.items():
        yield f"{account_in_words(account)}, {alternatives(sorted(regions))}: {why}"
    if not fleet.listing.given and not fleet.listing.failures:
        yield "EC2 was not asked which machines there are, since no hunt names a region"


def _short_reason(region: str, why: str) -> str:
    """The reason without the region, so that one sentence can name all regions that have it."""
    return why.replace(f" in {region}", "")


def _save_names(
    runtime: Runtime,
    systems: Mapping[str, CoveredSystem],
    machines: Mapping[tuple[str, str], tuple[System, Instance]],
) -> None:
    """Store the names that EC2 has of known systems, where they differ."""
    renamed: list[tuple[System, str]] = []
    for known in systems.values():
        found = machines.get((known.system.region, known.system.instance))
        if found and found[1].name and found[1].name != known.name:
            renamed.append((known.system, found[1].name))
    for system, name in renamed[:_NAMES_AT_ONCE]:
        runtime.ledger.systems.save_name(system, name)
