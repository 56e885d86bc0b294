"""Matches systems of other kinds than EC2 against targets and `exclude` rules, and describes targets in
words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from scheduler.wording import alternatives
from shared.config.cloud_targets import CloudTarget, NamedTarget
from shared.config.patterns import fits
from shared.config.targets import ExcludeConfig
from shared.models.kinds_of_system import ABILITIES, Provider
from shared.models.systems import Instance, Kind, System, last_segment
from shared.text import one_line

# The keys of targets and rules with patterns for the parts of a system's name.
_KEYS = {
    "subscription": "subscriptions",
    "group": "resource_groups",
    "project": "projects",
    "zone": "zones",
    "cluster": "clusters",
    "namespace": "namespaces",
    "pod": "pods",
    "container": "containers",
    "vm": "names",
    "function": "names",
}
# The keys of `exclude` rules with patterns for parts.
_EXCLUDED = {part: key for part, key in _KEYS.items() if key in ExcludeConfig.model_fields and key != "names"}
# The keys with which a target names one system.
_NAMING = {"subscription": "subscription", "group": "resource_group", "project": "project", "zone": "zone"}
_EVERY = ("*",)
_ID_OF_A_SUBSCRIPTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """What one target looks for."""

    number: int  # of the target in the definition
    target: CloudTarget
    kind: Kind
    system: System | None  # the one system that it names

    @property
    def regions(self) -> tuple[str, ...]:
        """The AWS regions, or `all`; the empty one where the platform is not asked for one region."""
        if not _is_on_aws(self.kind):
            return ("",)
        if self.system is not None:
            return (self.system.region,)
        return tuple(getattr(self.target, "regions", ()))

    @property
    def only(self) -> str:
        """The name of the one system, as the configuration writes it."""
        return str(getattr(self.target, "name", ""))

    @property
    def sample(self) -> int | None:
        sample: int | None = getattr(self.target, "sample", None)
        return sample

    @property
    def mode(self) -> str:
        """The target's own mode; empty if it has none. What has a single mode is always captured in it."""
        ability = ABILITIES[self.kind]
        return (self.target.capture or "") if ability.chooses_mode else ability.modes[0]

    def exactly(self, part: str) -> tuple[str, ...]:
        """The names that the target gives for this part, if they are names and no patterns."""
        patterns = self._patterns(part)
        if any(set(pattern) & set("*?") for pattern in patterns):
            return ()
        if part == "subscription" and not all(map(_ID_OF_A_SUBSCRIPTION.fullmatch, patterns)):
            return ()  # it may be the subscription's name
        if part == "group" and len(self.exactly("subscription")) != 1:
            return ()  # not every subscription needs to have it
        return patterns

    def admits(self, part: str, names: Collection[str]) -> bool:
        """Whether the target looks for something with one of these names at this part."""
        return any(_fits(self.kind, name, self._patterns(part)) for name in names)

    def selects(self, system: System, facts: Instance | None) -> bool:
        """Whether the facts meet the target's conditions. States are not compared here: a machine in an
        unwanted state is listed as left out."""
        if self.system is not None:
            return system == self.system
        target = self.target
        tags: Mapping[str, tuple[str, ...]] = getattr(target, "tags", {}) or getattr(target, "labels", {})
        locations: tuple[str, ...] = getattr(target, "locations", ())
        platforms: tuple[str, ...] = getattr(target, "platforms", ())
        return (
            _has_tags(facts, tags)
            and (not locations or (facts is not None and fits(facts.region, locations)))
            and (not platforms or _platform(facts) in platforms)
        )

    def not_in_state(self, facts: Instance | None) -> str:
        """Why the state of the system keeps it out; empty if it does not."""
        states: tuple[str, ...] = getattr(self.target, "states", ())
        if not states or facts is None or facts.state in states:
            return ""
        state = one_line(facts.state, 40) or "in no known state"
        return f"it is {state}, and the target wants {' or '.join(states)}"

    @property
    def described(self) -> str:
        """The target in words."""
        parts = [f"kind is {self.kind}"]
        if self.target.in_accounts != ("",):
            parts.append(f"account is {alternatives(self.target.in_accounts)}")
        for key in dict.fromkeys((*_KEYS.values(), "regions", "locations", "platforms")):
            values = tuple(getattr(self.target, key, ()))
            if values and values != _EVERY:
                parts.append(f"{key.removesuffix('s').replace('_', ' ')} is {alternatives(values)}")
        for key in ("tags", "labels"):
            tags = getattr(self.target, key, {})
            parts += [f"{key[:-1]} {name} is {alternatives(values)}" for name, values in tags.items()]
        return ", ".join(parts)

    def _patterns(self, part: str) -> tuple[str, ...]:
        if self.system is not None:
            key = _NAMING.get(part, "name")
            return (str(getattr(self.target, key, "*")),)
        return tuple(getattr(self.target, _KEYS.get(part, ""), ())) or _EVERY


def wanted(number: int, target: object) -> Wanted | None:
    """None for a target of EC2."""
    if not isinstance(target, CloudTarget):
        return None
    system = target.system if isinstance(target, NamedTarget) else None
    return Wanted(number, target, target.of_kind, system)


def excludes(rule: ExcludeConfig, system: System, facts: Instance | None) -> bool:
    """Whether the rule leaves the system out. A condition that its kind does not have is not met, and neither
    is a condition about facts that are not known."""
    parts, kind = system.parts, system.kind
    name = facts.name if facts else system.name
    if rule.instance or rule.vpcs or rule.instance_regex is not None:
        return False  # these are about EC2
    return (
        (not rule.kinds or kind in rule.kinds)
        and (not rule.accounts or system.account in rule.accounts)
        and (not rule.regions or (_is_on_aws(kind) and system.region in rule.regions))
        and (not rule.names or _fits(kind, name, rule.names))
        and (not rule.states or (facts is not None and facts.state in rule.states))
        and (not rule.platforms or _platform(facts) in rule.platforms)
        and _has_tags(facts, rule.tags)
        and all(
            part in parts and _fits(kind, parts[part], getattr(rule, key))
            for part, key in _EXCLUDED.items()
            if getattr(rule, key)
        )
    )


def _is_on_aws(kind: Kind) -> bool:
    return ABILITIES[kind].provider is Provider.AWS


def _fits(kind: Kind, name: str, patterns: Collection[str]) -> bool:
    """Azure takes upper and lower case for the same. An ARN fits by its last part too."""
    if ABILITIES[kind].provider is Provider.AZURE:
        return fits(name.lower(), [pattern.lower() for pattern in patterns])
    return fits(name, patterns) or fits(last_segment(name), patterns)


def _has_tags(facts: Instance | None, wanted: Mapping[str, tuple[str, ...]]) -> bool:
    tags = facts.tags if facts else {}
    return all(key in tags and fits(tags[key], globs) for key, globs in wanted.items())


def _platform(facts: Instance | None) -> str:
    """windows, linux, or empty if it is not known."""
    text = facts.platform.lower() if facts else ""
    return next((name for name in ("windows", "linux") if name in text), "")
