"""Checks an account and its regions, and the permissions of the platform's role there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import COMMAND_RIGHT, DECRYPT, Asked, Facts, Target
from scheduler.wording import account_in_words, alternatives, some_of
from shared.models.inspection import Decision, Simulated
from shared.models.kinds_of_system import ABILITIES, Provider
from shared.models.systems import System
from shared.text import one_line

_ON = ("opt-in-not-required", "opted-in")


def place_rules(facts: Facts) -> Iterator[Found]:
    yield from _regions(facts)
    yield from _rights(facts)
    yield from _unknown_roles(facts)
    yield from _not_read(facts)


def _regions(facts: Facts) -> Iterator[Found]:
    there: dict[tuple[str, str], list[System]] = defaultdict(list)
    for target in facts.targets:
        if ABILITIES[target.system.kind].provider is Provider.AWS:
            there[target.place].append(target.system)
    for (account, region), systems in there.items():
        words = (("region", region), ("account", account_in_words(account)))
        if facts.opt_in.given.get(account, {}).get(region) == "opted-in":
            yield Found(codes.OPT_IN_REGION, tuple(systems), words=words)
        elif _is_off(facts, account, region):
            yield Found(codes.REGION_OFF, tuple(systems), words=words)


def _is_off(facts: Facts, account: str | None, region: str) -> bool:
    states = facts.opt_in.given.get(account, {}) if account is not None else {}
    return region in states and states[region] not in _ON


def _rights(facts: Facts) -> Iterator[Found]:
    for asked, decisions in facts.simulated.given.items():
        role = facts.roles.get(asked.account, "")
        for action in asked.actions:
            # Of the keys key_rules.py speaks. Whether commands depend on a tag, triage_rules.py says.
            if action == DECRYPT or (action == COMMAND_RIGHT and not asked.has_tag):
                continue
            of_action = [one for (name, _), one in decisions.items() if name == action]
            systems = tuple(target.system for target in facts.ec2() if _concerns(asked, action, target))
            yield from _right(role, action, of_action, systems)


def _concerns(asked: Asked, action: str, target: Target) -> bool:
    is_triage = action.startswith("ssm:")
    return target.place == (asked.account, asked.region) and target.takes_disks is not is_triage


def _right(role: str, action: str, decided: list[Simulated], systems: tuple[System, ...]) -> Iterator[Found]:
    words = (("role", role), ("action", action))
    refused = [one for one in decided if one.decision is not Decision.ALLOWED]
    if not refused or not systems:
        return
    certain = [one for one in refused if not one.missing]
    if certain:
        is_denied = any(one.decision is Decision.DENIED for one in certain)
        by = ": a policy denies it" if is_denied else ""
        yield Found(codes.RIGHT, systems, words=(*words, ("by", by)))
        return
    conditions = dict.fromkeys(one_line(name, 80) for one in refused for name in one.missing)
    yield Found(codes.RIGHT_NOT_KNOWN, systems, words=(*words, ("conditions", some_of(conditions))))


def _unknown_roles(facts: Facts) -> Iterator[Found]:
    systems: dict[str, list[System]] = defaultdict(list)
    for target in facts.ec2():
        if target.system.account not in facts.roles:
            systems[target.system.account].append(target.system)
    for account, of_account in systems.items():
        do = (
            f"write accounts.{account}.platform_role"
            if account
            else "give it a name in accounts, with platform_role, and write the name into the targets"
        )
        words = (("account", account_in_words(account)), ("do", do))
        yield Found(codes.ROLE_NOT_KNOWN, tuple(of_account), words=words)


def _not_read(facts: Facts) -> Iterator[Found]:
    """One for each account and reason, which names everything that it kept from being read."""
    grouped: dict[tuple[str | None, str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for one in facts.not_read:
        if any(_is_off(facts, one.account, place) for place in one.places):
            continue  # said already: the region is not enabled
        whats, places = grouped.setdefault((one.account, one.why, one.right), ({}, {}))
        whats[one.what] = None
        places.update(dict.fromkeys(one.places))
    for (account, why, right), (whats, places) in grouped.items():
        what = ", ".join(whats)
        do = ""
        if account is not None:
            what += f" in {account_in_words(account)}"
            what += f", {alternatives(sorted(places))}" if places else ""
        if right:
            role = f"the role of accounts.{account}" if account else "the role of this machine"
            do = f"allow {right} to {role}"
        words = (("what", what), ("why", one_line(why, 300)), ("do", do))
        yield Found(codes.NOT_READ, words=words, right=right)
