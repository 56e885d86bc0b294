"""Rules about the kinds of systems: what a kind has not, and which account it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.config.cloud_targets import CloudTarget
from shared.config.config import Config
from shared.config.hunts import HuntConfig
from shared.config.suggestions import quoted
from shared.config.targets import Target, TargetConfig
from shared.config.yaml import Path, Problem
from shared.models.kinds_of_system import ABILITIES, CONTAINERS, Ability
from shared.models.systems import Kind

_LIKE_A_SYSTEM = re.compile(rf"(?:.*/)?(?:{'|'.join(Kind)}):.*", re.DOTALL)


def wrong_kinds(config: Config) -> Iterator[Problem]:
    for name in config.accounts:
        if _LIKE_A_SYSTEM.fullmatch(name):
            yield ("accounts", name), "looks like the key of a system: choose a name without a colon"
    for name in config.coverage.accounts if config.coverage else ():
        account = config.accounts.get(name)
        if account and account.provider != "aws":
            text = f"account {quoted(name)} is of {account.provider}"
            yield ("coverage", "accounts"), f"{text}; coverage lists the machines of AWS alone"
    for name, hunt in config.hunts.items():
        where = ("hunts", name)
        if hunt.skip_processing and hunt.kinds != {Kind.EC2}:
            text = "is an option of EC2 alone: put the other targets into a hunt of their own"
            yield (*where, "skip_processing"), text
        for number, target in enumerate(hunt.targets):
            yield from _target((*where, "targets", number), target, hunt, config)


def _target(where: Path, target: Target, hunt: HuntConfig, config: Config) -> Iterator[Problem]:
    kind = Kind(target.kind)
    ability = ABILITIES[kind]
    yield from _accounts(where, target, ability, config)
    if isinstance(target, CloudTarget):
        if config.platform.api_version == "v2":
            yield (*where, "kind"), "API v2 captures EC2 instances only"
        yield from _mode(where, target, ability, hunt)


def _mode(where: Path, target: CloudTarget, ability: Ability, hunt: HuntConfig) -> Iterator[Problem]:
    if target.capture and target.of_kind in CONTAINERS:
        yield (*where, "capture"), "containers are only captured by triage: leave capture out"
    elif target.capture and not ability.chooses_mode:
        text = "a function has one kind of capture, its code and logs: leave capture out"
        yield (*where, "capture"), text
    elif ability.chooses_mode and (mode := target.capture or hunt.capture) not in ability.modes:
        modes = " or ".join(ability.modes)
        text = f"the platform has no {mode} of a {ability.noun}: write capture: {modes} for this target"
        yield (*where, "capture"), text


def _accounts(where: Path, target: Target, ability: Ability, config: Config) -> Iterator[Problem]:
    key = "account" if "account" in type(target).model_fields else "accounts"
    for name in _names(target):
        account = config.accounts.get(name)
        if account is None:
            continue  # the platform's own, or one of the organization
        if account.provider != ability.provider:
            text = (
                f"account {quoted(name)} is of {account.provider}; kind {target.kind} needs one with "
                f"provider: {ability.provider}"
            )
            yield (*where, key), text
        elif Kind(target.kind) is Kind.GCE and account.export is None:
            text = (
                "a Google machine is exported through a bucket: write "
                f"accounts.{name}.export: {{project: …, bucket: …}}"
            )
            yield (*where, key), text


def _names(target: Target) -> tuple[str, ...]:
    if isinstance(target, CloudTarget):
        return target.in_accounts
    return (target.account,) if isinstance(target, TargetConfig) else target.accounts
