"""Matches instances against the selectors of targets and against `exclude` rules, and describes both in
words."""

from __future__ import annotations

import re
from collections.abc import Collection

from scheduler.wording import alternatives
from shared.config.patterns import fits
from shared.config.targets import ExcludeConfig, SelectorConfig, SystemConditions
from shared.models.systems import Instance, System

_FILTER_VALUES = 200  # values in one filter (EC2 API reference, "Filter")


def selects(selector: SelectorConfig, instance: Instance, group: str) -> bool:
    """Whether the instance matches the selector. States are not compared here: an instance in an unwanted
    state is listed as left out. `group` is the instance's Auto Scaling group."""
    groups = selector.auto_scaling_groups
    in_group = groups is None or (bool(group) and fits(group, groups.names))
    return in_group and _fits(selector, instance)


def excludes(rule: ExcludeConfig, system: System, instance: Instance | None) -> bool:
    """Whether the rule leaves the EC2 instance out. If `instance` is None, a rule that needs facts from EC2
    does not match."""
    if not rule.may_match_ec2:
        return False
    if instance is None:
        if any(getattr(rule, name) for name in SystemConditions.model_fields if name != "instance_regex"):
            return False
        instance = Instance(system.instance, system.region)
    return (
        (not rule.instance or system.instance in rule.instance)
        and (not rule.regions or system.region in rule.regions)
        and (not rule.accounts or system.account in rule.accounts)
        and (not rule.states or instance.state in rule.states)
        and _fits(rule, instance)
    )


def _fits(which: SystemConditions, instance: Instance) -> bool:
    windows = "windows" in instance.platform.lower()
    return (
        (not which.names or fits(instance.name, which.names))
        and (not which.vpcs or fits(instance.vpc, which.vpcs))
        and (not which.platforms or ("windows" if windows else "linux") in which.platforms)
        and (which.instance_regex is None or bool(re.fullmatch(which.instance_regex, instance.id)))
        and all(key in instance.tags and fits(instance.tags[key], globs) for key, globs in which.tags.items())
    )


def common_tags(selectors: Collection[SelectorConfig]) -> dict[str, set[str]]:
    """The tags that EC2 can filter by: those that every selector asks for. A tag is left out if EC2 would
    read one of its patterns differently, or if it has more patterns than one filter accepts. huntbridge
    itself checks every tag afterwards."""
    keys = set.intersection(*(set(selector.tags) for selector in selectors))
    tags = {key: {glob for selector in selectors for glob in selector.tags[key]} for key in keys}
    return {
        key: globs
        for key, globs in tags.items()
        if 0 < len(globs) <= _FILTER_VALUES and not any(set(glob) & set("[\\") for glob in globs)
    }


def described(which: SystemConditions) -> str:
    """The selector or rule in words."""
    parts = [f"tag {key} is {' or '.join(values)}" for key, values in which.tags.items()]
    for name, text in (
        ("kinds", "kind is"), ("names", "Name is"), ("vpcs", "VPC is"), ("platforms", "platform is"),
        ("instance", "instance is"), ("regions", "region is"), ("accounts", "account is"),
        ("states", "state is"), ("subscriptions", "subscription is"), ("resource_groups", "group is"),
        ("projects", "project is"), ("zones", "zone is"), ("clusters", "cluster is"),
        ("namespaces", "namespace is"), ("pods", "pod is"),
    ):  # fmt: skip
        values = getattr(which, name, ())
        is_shown = isinstance(which, ExcludeConfig) or name not in ("regions", "accounts", "states")
        if values and is_shown:
            parts.append(f"{text} {alternatives(values)}")
    if which.instance_regex is not None:
        parts.append(f"id fits {which.instance_regex}")
    return ", ".join(parts) or "every system"
