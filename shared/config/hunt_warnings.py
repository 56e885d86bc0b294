"""Warnings about hunts: targets that capture nothing, and settings that have no effect or are always
refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.config.cloud_targets import CloudTarget, NamedTarget
from shared.config.config import Config
from shared.config.hunts import HuntConfig
from shared.config.patterns import patterns_within, values_within
from shared.config.suggestions import quoted
from shared.config.targets import ALL_REGIONS, ExcludeConfig, SelectorConfig, Target, TargetConfig
from shared.models.kinds_of_system import ABILITIES
from shared.models.systems import Kind


def hunt_warnings(config: Config) -> Iterator[tuple[str, str]]:
    """Yields the place in the configuration and the warning."""
    for name, hunt in config.hunts.items():
        yield from _targets(f"hunts.{name}", hunt)
        yield from _host_options(f"hunts.{name}.host_options", hunt)
        yield from _preflight(f"hunts.{name}.preflight", hunt, config)
    if config.platform.api_version == "v2":
        for name, hunt in config.hunts.items():
            yield from _refused_by_v2(f"hunts.{name}", hunt)


def _targets(where: str, hunt: HuntConfig) -> Iterator[tuple[str, str]]:
    first: dict[str, int] = {}
    for number, target in enumerate(hunt.targets):
        here = f"{where}.targets[{number}]"
        if isinstance(target, TargetConfig | NamedTarget):
            same = first.setdefault(target.system.key, number)
            if same != number:
                yield here, f"names the same system as targets[{same}]"
        if isinstance(target, CloudTarget):
            continue
        if isinstance(target, SelectorConfig):
            yield from _selector(here, target)
        for rule_number, rule in enumerate(hunt.exclude):
            if _leaves_out_all(rule, target):
                yield here, f"matches no system: exclude[{rule_number}] leaves out all of its systems"


def _selector(where: str, selector: SelectorConfig) -> Iterator[tuple[str, str]]:
    for state in selector.states:
        if state in ("shutting-down", "terminated"):
            yield f"{where}.states", f"a system that is {state} cannot be captured"
    for pattern in selector.vpcs:
        begin = re.split(r"[*?]", pattern)[0]
        if not (begin.startswith("vpc-") or "vpc-".startswith(begin)) or not pattern:
            yield f"{where}.vpcs", f"{quoted(pattern)} matches nothing: the id of a VPC begins with vpc-"
    for name, values in selector.tags.items():
        if not values:
            yield f"{where}.tags.{name}", "is empty, so nothing matches; write '*' for any value"


def _preflight(where: str, hunt: HuntConfig, config: Config) -> Iterator[tuple[str, str]]:
    if not hunt.preflight:
        return
    if not hunt.schedule:
        yield where, "has no effect: the hunt has no schedule, so nobody knows when it begins next"
    elif not config.daily_check.enabled:
        yield where, "has no effect: daily_check is switched off, and the preflight runs with it"


def _host_options(where: str, hunt: HuntConfig) -> Iterator[tuple[str, str]]:
    options = hunt.host_options
    if options is None:
        return
    if not any(_is_triage(target, hunt) for target in hunt.targets):
        yield where, "has no effect: it applies only to captures of mode triage, and there are none"
    elif options.collection_type == "balanced" and (
        options.groups or options.additional_files or options.additional_files_only
    ):
        yield where, "its groups and files have no effect; write collection_type: custom"


def _is_triage(target: Target, hunt: HuntConfig) -> bool:
    return ABILITIES[Kind(target.kind)].mode(target.capture or hunt.capture) == "triage"


def _refused_by_v2(where: str, hunt: HuntConfig) -> Iterator[tuple[str, str]]:
    modes = [("capture", hunt.capture)]
    modes += [
        (f"targets[{number}].capture", target.capture)
        for number, target in enumerate(hunt.targets)
        if target.capture
    ]
    for key, mode in modes:
        if mode != "full":
            yield f"{where}.{key}", f"API v2 makes full captures only, not {mode}"


def _leaves_out_all(rule: ExcludeConfig, target: TargetConfig | SelectorConfig) -> bool:
    """Whether the rule leaves out every system that the target can take."""
    if not rule.may_match_ec2:
        return False
    if isinstance(target, TargetConfig):
        needs_facts = (
            rule.tags or rule.names or rule.vpcs or rule.platforms or rule.states or rule.instance_regex
        )
        return not needs_facts and (
            values_within([target.instance], rule.instance)
            and values_within([target.region], rule.regions)
            and values_within([target.account], rule.accounts)
        )
    if rule.instance or (rule.accounts and target.organizational_units):
        return False
    if rule.instance_regex is not None and rule.instance_regex != target.instance_regex:
        return False
    regions = () if ALL_REGIONS in target.regions else target.regions
    return (
        values_within(regions, rule.regions)
        and values_within(target.accounts, rule.accounts)
        and values_within(target.platforms, rule.platforms)
        and values_within(target.states, rule.states)
        and patterns_within(target.names, rule.names)
        and patterns_within(target.vpcs, rule.vpcs)
        and all(patterns_within(target.tags.get(key, ()), values) for key, values in rule.tags.items())
    )
