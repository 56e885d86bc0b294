"""Asks AWS for the facts of a preflight, in two rounds, each with all questions at the same time.

A question without an answer is kept with its reason, and stops no other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from scheduler.chosen_systems import Place
from scheduler.listed_fleet import Answers
from scheduler.parallel_calls import ParallelCalls
from scheduler.preflight.facts import (
    BLOCK_RIGHTS,
    COMMAND_RIGHT,
    DECRYPT,
    DISK_RIGHTS,
    SNAPSHOT_RIGHT,
    TAG_CONDITION,
    TAG_RIGHT,
    TAG_VALUE,
    TRIAGE_RIGHTS,
    Asked,
    Facts,
    NotRead,
    Target,
)
from scheduler.preflight.key_policy import account_of
from scheduler.preflight.key_rules import encrypted
from shared.config.config import Config
from shared.models.inspection import Inspection
from shared.models.kinds_of_system import ABILITIES, Provider

_AT_ONCE = 200  # instances or volumes in one question
_KEYS_AT_ONCE = 50  # in one simulation


@dataclass(frozen=True)
class _Question:
    """One call of the inspection."""

    method: str
    account: str
    arguments: tuple[Hashable, ...]
    about: Hashable  # what the answer is kept under

    @property
    def region(self) -> str:
        first = self.arguments[0] if self.arguments else ""
        return first if isinstance(first, str) and self.method not in ("simulate", "opt_in") else ""


# What each question asks for, in words, and the permission that it takes. Of keys, each volume's notice says
# what is not known.
_WORDS = {
    "volumes": ("the volumes", "ec2:DescribeVolumes"),
    "newest_snapshots": ("the snapshots of the volumes", "ec2:DescribeSnapshots"),
    "pending_snapshots": ("the snapshots that are under way", "ec2:DescribeSnapshots"),
    "agents": ("the SSM agents", "ssm:DescribeInstanceInformation"),
    "local_gib": ("the types of the instances", "ec2:DescribeInstanceTypes"),
    "opt_in": ("the regions", "ec2:DescribeRegions"),
    "simulate": ("what the platform's role may do", "iam:SimulatePrincipalPolicy"),
}


class _Round:
    """The answers of one round of questions, by method and by what they are about."""

    def __init__(self, inspection: Inspection, calls: ParallelCalls, questions: Iterable[_Question]) -> None:
        def ask(question: _Question) -> Any:
            return getattr(inspection, question.method)(question.account, *question.arguments)

        self._answers, self._failures = calls.each(ask, dict.fromkeys(questions))

    def of(self, method: str) -> Answers[Any, Any]:
        """The parts of one list are put together. If one part failed, what is known is kept as well."""
        given: dict[Hashable, Any] = {}
        for question, answer in self._answers.items():
            if question.method == method:
                given[question.about] = _joined(given.get(question.about), answer)
        failures = {
            question.about: why for question, why in self._failures.items() if question.method == method
        }
        return Answers(given, failures)

    def not_read(self) -> Iterator[NotRead]:
        for question, why in self._failures.items():
            if question.method in _WORDS:
                what, right = _WORDS[question.method]
                places = (question.region,) if question.region else ()
                yield NotRead(what, question.account, places, why, right if right in why else "")


def _joined(before: Any, part: Any) -> Any:
    if before is None or not isinstance(part, Mapping | list):
        return part
    return {**before, **part} if isinstance(part, Mapping) else [*before, *part]


def read_aws(facts: Facts, config: Config, inspection: Inspection, calls: ParallelCalls) -> Facts:
    """Adds what AWS says about the EC2 instances among the targets. `facts` have the targets and the
    platform's roles already."""
    first = _Round(inspection, calls, [*_about_places(facts, config), *_about_regions(facts)])
    facts = replace(
        facts,
        volumes=first.of("volumes"),
        pending=first.of("pending_snapshots"),
        agents=first.of("agents"),
        local_gib=first.of("local_gib"),
        opt_in=first.of("opt_in"),
        simulated=first.of("simulate"),
    )
    second = _Round(inspection, calls, _about_volumes(facts, config))
    simulated = second.of("simulate")
    return replace(
        facts,
        newest=second.of("newest_snapshots"),
        key_states=second.of("key_state"),
        key_policies=second.of("key_policy"),
        key_grants=second.of("key_grants"),
        simulated=Answers(
            {**facts.simulated.given, **simulated.given}, {**facts.simulated.failures, **simulated.failures}
        ),
        not_read=(*facts.not_read, *first.not_read(), *second.not_read()),
    )


def _about_regions(facts: Facts) -> Iterator[_Question]:
    for target in facts.targets:
        if ABILITIES[target.system.kind].provider is Provider.AWS:
            yield _Question("opt_in", target.system.account, (), target.system.account)


def _about_places(facts: Facts, config: Config) -> Iterator[_Question]:
    with_disks: dict[Place, list[Target]] = defaultdict(list)
    with_agents: dict[Place, list[Target]] = defaultdict(list)
    for target in facts.ec2():
        (with_disks if target.takes_disks else with_agents)[target.place].append(target)
    for place, there in with_disks.items():
        account, region = place
        for ids in _parts([target.system.instance for target in there]):
            yield _Question("volumes", account, (region, ids), place)
        yield _Question("pending_snapshots", account, (region,), place)
        types = sorted({target.instance.type for target in there if target.instance and target.instance.type})
        if types:
            yield _Question("local_gib", account, (region, tuple(types)), place)
        yield from _questions(facts, config, _of_disks(facts, place))
    for place in with_agents:
        yield _Question("agents", place[0], (place[1],), place)
        yield from _questions(facts, config, _of_triage(facts, place))


def _of_disks(facts: Facts, place: Place) -> Iterator[Asked]:
    """What the role must be allowed for the capture of disks in a place. Resources are those of one snapshot,
    since policies often allow these actions on snapshots alone."""
    account, region = place
    if role := facts.roles.get(account):
        partition = role.split(":")[1]
        snapshot = f"arn:{partition}:ec2:{region}::snapshot/snap-00000000000000000"
        volume = f"arn:{partition}:ec2:{region}:{account_of(role)}:volume/vol-00000000000000000"
        made_with = ("ec2:CreateAction", "CreateSnapshot")
        yield Asked(account, region, DISK_RIGHTS, ("*",))
        yield Asked(account, region, (SNAPSHOT_RIGHT,), (volume, snapshot))
        yield Asked(account, region, (TAG_RIGHT, *BLOCK_RIGHTS), (snapshot,), (made_with,))


def _of_triage(facts: Facts, place: Place) -> Iterator[Asked]:
    account, region = place
    if role := facts.roles.get(account):
        partition = role.split(":")[1]
        instance = f"arn:{partition}:ec2:{region}:{account_of(role)}:instance/i-00000000000000000"
        document = f"arn:{partition}:ssm:{region}::document/AWS-RunShellScript"
        yield Asked(account, region, TRIAGE_RIGHTS, ("*",))
        for conditions in ((), ((TAG_CONDITION, TAG_VALUE),)):
            yield Asked(account, region, (COMMAND_RIGHT,), (instance, document), conditions)


def _about_volumes(facts: Facts, config: Config) -> Iterator[_Question]:
    wanted = {target.system.instance for target in facts.ec2() if target.takes_disks}
    for place, volumes in facts.volumes.given.items():
        ids = [volume.id for volume in volumes if volume.instance in wanted]
        for some in _parts(ids):
            yield _Question("newest_snapshots", place[0], (place[1], some), place)
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    for target, volume in encrypted(facts):
        held[target.place].add(volume.key)
    for place, keys in held.items():
        role = facts.roles.get(place[0])
        for key in sorted(keys):
            # KMS shows the policy of a key in the key's own account alone.
            account = _owner(config, key, place[0])
            yield _Question("key_state", account, (place[1], key), key)
            if role:
                yield _Question("key_policy", account, (place[1], key), key)
                yield _Question("key_grants", account, (place[1], key, role), (key, role))
        if role:
            simulations = (Asked(*place, (DECRYPT,), some) for some in _parts(keys, _KEYS_AT_ONCE))
            yield from _questions(facts, config, simulations)


def _questions(facts: Facts, config: Config, simulations: Iterable[Asked]) -> Iterator[_Question]:
    for asked in simulations:
        role = facts.roles[asked.account]
        arguments = (role, asked.actions, asked.resources, asked.context)
        yield _Question("simulate", _owner(config, role, asked.account), arguments, asked)


def _owner(config: Config, arn: str, otherwise: str) -> str:
    """The configured account to which a key or a role belongs."""
    owner = config.account_name(account_of(arn))
    return owner if owner in config.accounts else otherwise


def _parts(ids: Collection[str], size: int = _AT_ONCE) -> Iterator[tuple[str, ...]]:
    listed = sorted(ids)
    for first in range(0, len(listed), size):
        yield tuple(listed[first : first + size])
