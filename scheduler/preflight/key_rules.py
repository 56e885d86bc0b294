"""Checks whether the platform's role may use the KMS keys of encrypted volumes.

A snapshot needs no right on the key; reading it does. What could not be read is said as not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import DECRYPT, Facts, Target
from scheduler.preflight.key_policy import Access, Use, access
from shared.models.inspection import Decision, Simulated
from shared.models.inventory import Volume
from shared.models.systems import System
from shared.text import one_line

_ENABLED = "Enabled"
_LOOK = "look at the policies of the key and of the role"


@dataclass(frozen=True)
class _Held:
    """The systems and volumes that one role reads with one key."""

    systems: dict[System, None]
    volumes: dict[str, None]


@dataclass(frozen=True)
class _Not:
    """Why the platform may not use a key, or why that is not known."""

    why: str
    known: bool = True
    right: str = ""


def key_rules(facts: Facts) -> Iterator[Found]:
    held: dict[tuple[str, str, str], _Held] = defaultdict(lambda: _Held({}, {}))
    for target, volume in encrypted(facts):
        one = held[volume.key, target.system.account, target.system.region]
        one.systems[target.system] = None
        one.volumes[volume.id] = None
    for (key, account, region), one in held.items():
        yield from _of_key(facts, key, account, region, one)


def encrypted(facts: Facts) -> Iterator[tuple[Target, Volume]]:
    """The encrypted volumes whose disks are captured."""
    targets = {target.system: target for target in facts.ec2() if target.takes_disks}
    for (account, region), volumes in facts.volumes.given.items():
        for volume in volumes:
            target = targets.get(System(volume.instance, region, account))
            if target and volume.encrypted and volume.key:
                yield target, volume


def _of_key(facts: Facts, key: str, account: str, region: str, held: _Held) -> Iterator[Found]:
    systems, volumes, words = tuple(held.systems), tuple(held.volumes), (("key", one_line(key, 120)),)
    state = facts.key_states.given.get(key)
    if state and state.by_aws:  # AWS lets every role of the account use it through EBS
        return
    if state and state.state != _ENABLED:
        yield Found(codes.KEY_STATE, systems, volumes, (*words, ("state", one_line(state.state, 40))))
        return
    if state is None:
        why = facts.key_states.failures.get(key, "it was not asked")
        yield _unknown(_Not(why, known=False, right="kms:DescribeKey"), systems, volumes, words)
        return
    role = facts.roles.get(account)
    if role is None:  # said once, by place_rules.py
        return
    refused = _refused(facts, Use(role, key, region), _simulated(facts, account, key))
    if refused is None:
        return
    if refused.known:
        denied = (*words, ("why", refused.why), ("role", role))
        yield Found(codes.KEY_DENIED, systems, volumes, denied)
    else:
        yield _unknown(refused, systems, volumes, words)


def _unknown(
    why: _Not, systems: tuple[System, ...], volumes: tuple[str, ...], words: tuple[tuple[str, str], ...]
) -> Found:
    do = f"allow {why.right} to huntbridge, or look at the key's policy" if why.right else _LOOK
    right = why.right if why.right in why.why else ""
    words = (*words, ("why", one_line(why.why, 300)), ("do", do))
    return Found(codes.KEY_NOT_KNOWN, systems, volumes, words, right)


def _refused(facts: Facts, use: Use, simulated: Simulated | str) -> _Not | None:
    """None if the role may use the key. `simulated`: a text says why there is no simulation."""
    policy = facts.key_policies.given.get(use.key)
    says = access(policy, use) if policy is not None else None
    if says is Access.DENIED:
        return _Not("its policy denies it")
    if isinstance(simulated, Simulated) and simulated.decision is Decision.DENIED and not simulated.missing:
        return _Not("a policy of the role denies it")
    if says is Access.ALLOWED:
        return None
    grants = facts.key_grants.given.get((use.key, use.role))
    decrypts = [grant for grant in grants or () if "Decrypt" in grant.operations]
    if any(not grant.constrained for grant in decrypts):
        return None
    if says is None:
        why = facts.key_policies.failures.get(use.key, "its policy was not read")
        return _Not(why, known=False, right="kms:GetKeyPolicy")
    refused = _left_to_iam(simulated) if says is Access.LEFT_TO_IAM else _by_policy(says)
    if refused is None or not refused.known:
        return refused
    if grants is None:
        why = facts.key_grants.failures.get((use.key, use.role), "its grants were not read")
        return _Not(why, known=False, right="kms:ListGrants")
    if decrypts:
        return _Not("a grant lets the role use it under conditions", known=False)
    return refused


def _by_policy(says: Access) -> _Not:
    if says is Access.UNCLEAR:
        return _Not("its policy depends on conditions that are not known here", known=False)
    return _Not("its policy names neither the role nor its account")


def _left_to_iam(simulated: Simulated | str) -> _Not | None:
    if isinstance(simulated, str):
        return _Not(simulated, known=False, right="iam:SimulatePrincipalPolicy")
    if simulated.decision is Decision.ALLOWED:
        return None
    if simulated.missing:
        return _Not("the policies of the role depend on conditions that are not known here", known=False)
    return _Not("its policy leaves it to the policies of the role, which do not allow kms:Decrypt")


def _simulated(facts: Facts, account: str, key: str) -> Simulated | str:
    for asked, decisions in facts.simulated.given.items():
        if asked.account == account and (DECRYPT, key) in decisions:
            return decisions[DECRYPT, key]
    for asked, why in facts.simulated.failures.items():
        if asked.account == account and key in asked.resources:
            return why
    return "the policies of the role were not simulated"
