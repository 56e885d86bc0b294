"""Checks what hunts and alarms need of AWS, with the calls that they make themselves.

Each permission is tried with a call of its own, in each account and region that a hunt uses. So every missing
permission is reported by its action, and so are missing credentials and instances that do not exist.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from scheduler.parallel_calls import ParallelCalls
from shared.aws.names import NO_CREDENTIALS
from shared.config.config import Config
from shared.config.targets import ALL_REGIONS, SelectorConfig, TargetConfig
from shared.hosting.runtime import Runtime
from shared.models.checks import CheckResult, failed, passed, warned
from shared.models.inventory import Fleet
from shared.models.systems import Instance

BUDGET = 30.0  # seconds for all calls to AWS
_NO_INSTANCE = "i-00000000000000000"  # no instance has this id, so an answer about it is short
_GONE = ("shutting-down", "terminated")
_MAX_REGIONS = 5  # in one sentence
Place = tuple[str, str]  # account, region


def findings(runtime: Runtime, budget: float = BUDGET) -> Iterator[CheckResult]:
    """`budget`: seconds for all calls."""
    config = runtime.config
    fleet = runtime.make_fleet(read_timeout=5, retries=1)
    failures = _Failures()
    named = _named(config)
    with ParallelCalls(runtime.now, budget) as calls:
        selected, grouped = _selected(config, fleet, calls, failures)
        places = _places(config, {*named, *selected})
        instances, refused = calls.each(
            lambda place: fleet.instances(*place, only=[*named.get(place, ()), _NO_INSTANCE]), places
        )
        failures.add({place: why for place, why in refused.items() if place in selected}, needed=True)
        failures.add({place: why for place, why in refused.items() if place not in selected}, needed=False)
        _, refused = calls.each(lambda place: fleet.groups(*place), sorted(grouped))
        failures.add(refused, needed=True)
        # Only `hunt plan` asks for volumes, to say how long a hunt takes.
        _, refused = calls.each(
            lambda place: fleet.volumes(*place, only=[_NO_INSTANCE]), sorted({*named, *selected})
        )
        failures.add(refused, needed=False)
    any_selects = any(hunt.selects for hunt in config.hunts.values())
    yield from failures.findings(hunts_need_aws=bool(selected) or any_selects)
    if instances:
        yield passed("AWS", f"EC2 answers in {_listed([region for _, region in instances])}")
    yield from _missing(named, instances)


def _named(config: Config) -> dict[Place, dict[str, str]]:
    """The instances that hunts name: by place, each instance id with the name of the first such hunt."""
    named: dict[Place, dict[str, str]] = defaultdict(dict)
    for name, hunt in config.hunts.items():
        for target in hunt.targets:
            if isinstance(target, TargetConfig):
                named[target.account, target.region].setdefault(target.instance, name)
    return dict(named)


def _places(config: Config, of_hunts: Collection[Place]) -> list[Place]:
    """The places in which instances are looked up, by hunts or to enrich alarms."""
    home_region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    covered = {account for account, _ in of_hunts}
    roles = {
        (name, home_region)
        for name, account in config.accounts.items()
        if account.role and name not in covered  # only an account of AWS has a role
    }
    # Without any hunt, alarms are still enriched with what this machine's own account knows.
    return sorted({*of_hunts, *roles} or {("", home_region)})


def _selected(
    config: Config, fleet: Fleet, calls: ParallelCalls, failures: _Failures
) -> tuple[set[Place], set[Place]]:
    """Where selectors look for instances, and where they look for Auto Scaling groups."""
    selectors = [
        target
        for hunt in config.hunts.values()
        for target in hunt.targets
        if isinstance(target, SelectorConfig)
    ]
    asking_account = config.organization.account if config.organization else ""
    units = {unit for selector in selectors for unit in selector.organizational_units}
    members, refused = calls.each(lambda unit: fleet.members(unit, asking_account), sorted(units))
    failures.add({(asking_account, unit): why for unit, why in refused.items()}, needed=True)

    def accounts(selector: SelectorConfig) -> list[str]:
        if not selector.accounts and not selector.organizational_units:
            return [""]
        ids = [id for unit in selector.organizational_units for id in members.get(unit, ())]
        return [*selector.accounts, *map(config.account_name, ids)]

    of_all_regions = [selector for selector in selectors if ALL_REGIONS in selector.regions]
    every_region = {account for selector in of_all_regions for account in accounts(selector)}
    enabled, refused = calls.each(fleet.regions, sorted(every_region))
    failures.add({(account, ALL_REGIONS): why for account, why in refused.items()}, needed=True)
    selected, grouped = set(), set()
    for selector in selectors:
        for account in accounts(selector):
            regions = enabled.get(account, ()) if ALL_REGIONS in selector.regions else selector.regions
            places = {(account, region) for region in regions}
            selected |= places
            grouped |= places if selector.auto_scaling_groups else set()
    return selected, grouped


class _Failures:
    """The calls that failed, reported as one finding for each account and reason."""

    def __init__(self) -> None:
        self._regions: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
        self._no_credentials = False

    def add(self, refused: Mapping[Place, str], *, needed: bool) -> None:
        """`needed`: a hunt cannot find its systems without the call. If False, only messages and plans lack
        facts."""
        for (account, region), why in refused.items():
            if why.startswith(NO_CREDENTIALS):
                self._no_credentials = True
            else:
                self._regions[account, why.replace(f" in {region}", ""), needed].append(region)

    def findings(self, *, hunts_need_aws: bool) -> Iterator[CheckResult]:
        if self._no_credentials and hunts_need_aws:
            yield failed("AWS", f"{NO_CREDENTIALS}, and hunts look their systems up in EC2")
        elif self._no_credentials:
            yield warned(
                "AWS",
                f"{NO_CREDENTIALS}: no message says what EC2 knows of a system (its name, tags and owner), "
                "and no route by tags matches",
            )
        for (account, why, needed), regions in self._regions.items():
            what = f"AWS, account {account}" if account else "AWS, this machine's own account"
            text = f"{_listed(regions)}: {why}"
            yield (
                failed(what, text)
                if needed
                else warned(what, f"{text}; without it messages and plans say less")
            )


def _missing(
    named: Mapping[Place, Mapping[str, str]], instances: Mapping[Place, list[Instance]]
) -> Iterator[CheckResult]:
    """Instances that hunts name and that cannot be captured."""
    for (account, region), hunts in named.items():
        if (account, region) not in instances:
            continue
        states = {instance.id: instance.state for instance in instances[account, region]}
        for id, hunt in hunts.items():
            what = f"hunt {hunt}"
            if states.get(id) in _GONE:
                yield failed(what, f"{id} in {region} is terminated")
            elif id not in states and account:
                yield failed(what, f"{id} does not exist in {region} of account {account}")
            elif id not in states:
                # The platform may look for it in another account than this machine's own.
                text = f"{id} does not exist in {region} of this machine's own account"
                yield warned(what, f"{text}; is it in another one?")


def _listed(regions: Collection[str]) -> str:
    names = sorted(set(regions))
    more = f" and {len(names) - _MAX_REGIONS} more" if len(names) > _MAX_REGIONS else ""
    return ", ".join(names[:_MAX_REGIONS]) + more
