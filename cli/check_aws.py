"""Checks what hunts and alarms need of AWS, by the same calls: credentials, rights and the named systems.

Each right is asked for by a call of its own, in each account and region that a hunt uses, so that each one
that is missing is named by its action.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from cli.findings import Finding
from scheduler.parallel import ParallelCalls
from shared.aws.clients import NO_CREDENTIALS
from shared.config.config import Config
from shared.config.targets import ALL_REGIONS, SelectorConfig, TargetConfig
from shared.hosting.runtime import Runtime
from shared.models.inventory import Fleet
from shared.models.systems import Instance

BUDGET = 30.0  # seconds for all of AWS
_NOBODY = "i-00000000000000000"  # no instance has this id, so an answer about it is short
_GONE = ("shutting-down", "terminated")
_SHOWN = 5  # regions in one sentence
Place = tuple[str, str]  # account, region


def findings(runtime: Runtime) -> Iterator[Finding]:
    config = runtime.config
    fleet = runtime.make_fleet(read_timeout=5, retries=1)
    failed = _Failed()
    with ParallelCalls(runtime.now, BUDGET) as asking:
        selected, grouped = _selected(config, fleet, asking, failed)
        named = _named(config)
        # Without any hunt an alarm is still told with what this machine's own account knows of its system.
        home = ("", os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
        covered = {account for account, _ in {*named, *selected}}
        roles = {(name, home[1]) for name, one in config.accounts.items() if one.role and name not in covered}
        places = sorted({*named, *selected, *roles} or {home})
        found, failures = asking.each(
            lambda place: fleet.instances(*place, only=[*named.get(place, ()), _NOBODY]), places
        )
        failed.add({place: why for place, why in failures.items() if place in selected}, needed=True)
        failed.add({place: why for place, why in failures.items() if place not in selected}, needed=False)
        failed.add(asking.each(lambda place: fleet.groups(*place), sorted(grouped))[1], needed=True)
        # `hunt plan` alone asks for volumes, to tell how long a hunt takes.
        sizes = {*named, *selected}
        failed.add(
            asking.each(lambda place: fleet.volumes(*place, only=[_NOBODY]), sorted(sizes))[1], needed=False
        )
    yield from failed.findings(
        hunts_need_it=bool(selected) or any(one.selects for one in config.hunts.values())
    )
    if found:
        yield Finding("AWS", True, f"EC2 answers in {_listed([region for _, region in found])}")
    yield from _missing(named, found)


def _named(config: Config) -> dict[Place, dict[str, str]]:
    """By place, the instances that are named, each with the hunt that names it."""
    named: dict[Place, dict[str, str]] = defaultdict(dict)
    for name, hunt in config.hunts.items():
        for target in hunt.targets:
            if isinstance(target, TargetConfig):
                named[target.account, target.region].setdefault(target.instance, name)
    return dict(named)


def _selected(
    config: Config, fleet: Fleet, asking: ParallelCalls, failed: _Failed
) -> tuple[set[Place], set[Place]]:
    """The places where selectors look, and those of them where they look at Auto Scaling groups."""
    selectors = [
        target
        for hunt in config.hunts.values()
        for target in hunt.targets
        if isinstance(target, SelectorConfig)
    ]
    by = config.organization.account if config.organization else ""
    units = {unit for selector in selectors for unit in selector.organizational_units}
    members, failures = asking.each(lambda unit: fleet.members(unit, by), sorted(units))
    failed.add({(by, unit): why for unit, why in failures.items()}, needed=True)

    def accounts(selector: SelectorConfig) -> list[str]:
        ids = [id for unit in selector.organizational_units for id in members.get(unit, ())]
        own = not selector.accounts and not selector.organizational_units
        return [""] if own else [*selector.accounts, *map(config.account_name, ids)]

    everywhere = {a for one in selectors if ALL_REGIONS in one.regions for a in accounts(one)}
    enabled, failures = asking.each(fleet.regions, sorted(everywhere))
    failed.add({(account, ALL_REGIONS): why for account, why in failures.items()}, needed=True)
    selected, grouped = set(), set()
    for selector in selectors:
        for account in accounts(selector):
            regions = enabled.get(account, ()) if ALL_REGIONS in selector.regions else selector.regions
            places = {(account, region) for region in regions}
            selected |= places
            grouped |= places if selector.auto_scaling_groups else set()
    return selected, grouped


class _Failed:
    """The calls that failed: one finding for each account and reason."""

    def __init__(self) -> None:
        self._regions: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        self._no_credentials = False

    def add(self, failures: Mapping[Place, str], *, needed: bool) -> None:
        """`needed`: without it a hunt does not find its systems; else a message or a plan says less."""
        for (account, region), why in failures.items():
            if why.startswith(NO_CREDENTIALS):
                self._no_credentials = True
            else:
                self._regions[account, why.replace(f" in {region}", ""), needed].append(region)

    def findings(self, *, hunts_need_it: bool) -> Iterator[Finding]:
        if self._no_credentials and hunts_need_it:
            yield Finding("AWS", False, f"{NO_CREDENTIALS}, and hunts look their systems up in EC2")
        elif self._no_credentials:
            text = (
                f"{NO_CREDENTIALS}: no message says what EC2 knows of a system (its name, tags and owner), "
                "and no route by tags takes anything"
            )
            yield Finding("AWS", True, text, warning=True)
        for (account, why, needed), regions in self._regions.items():
            what = f"AWS, account {account}" if account else "AWS, this machine's own account"
            effect = "" if needed else "; without it messages and plans say less"
            yield Finding(what, not needed, f"{_listed(regions)}: {why}{effect}", warning=not needed)


def _missing(
    named: Mapping[Place, Mapping[str, str]], found: Mapping[Place, list[Instance]]
) -> Iterator[Finding]:
    """Instances that are named and cannot be captured."""
    for (account, region), instances in named.items():
        if (account, region) not in found:
            continue
        states = {instance.id: instance.state for instance in found[account, region]}
        for id, hunt in instances.items():
            if states.get(id) in _GONE:
                yield Finding(f"hunt {hunt}", False, f"{id} in {region} is terminated")
            elif id not in states and account:
                yield Finding(f"hunt {hunt}", False, f"{id} does not exist in {region} of account {account}")
            elif id not in states:
                # The platform may look for it in another account than this machine's own.
                text = f"{id} does not exist in {region} of this machine's own account"
                yield Finding(f"hunt {hunt}", True, f"{text}; is it in another one?", warning=True)


def _listed(regions: Collection[str]) -> str:
    names = sorted(set(regions))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
