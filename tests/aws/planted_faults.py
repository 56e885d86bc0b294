"""A fleet with faults of every class that a preflight knows, and with harmless things that look like them.

The oracle is what was planted (`Fleet.expected`), never a rule of the product. The same seed plants the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.aws.inspection import RIGHTS
from shared.models.systems import System
from tests.aws.planted import ROLE_OF_HUNTBRIDGE, Key, World

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
PINNED = frozenset({*RIGHTS, "ec2:DescribeInstances", "ec2:DescribeRegions", "sts:AssumeRole"})
IDS = {
    name: f"{number}{number}{number}{number}" * 3
    for number, name in enumerate(
        ("main", "norights", "scp", "busy", "norole", "blind", "tagged", "conditional", "vault"), start=1
    )
}
US, EU, OPTED, OFF = "us-east-1", "eu-west-1", "eu-south-1", "me-south-1"
FULL, TRIAGE = "full", "triage"
# Per cent of the fleet in each account and region, and how it is captured.
SHARES = (
    ("main", US, FULL, 10), ("main", OPTED, FULL, 10), ("main", OFF, FULL, 10), ("norights", US, FULL, 10),
    ("busy", EU, FULL, 10), ("norole", US, FULL, 10), ("conditional", EU, FULL, 10), ("blind", US, FULL, 5),
    ("scp", US, TRIAGE, 10), ("tagged", EU, TRIAGE, 15),
)  # fmt: skip
BLIND, ROLELESS = ("blind",), ("norole",)


def platform_role(name: str) -> str:
    return f"arn:aws:iam::{IDS[name]}:role/myCadoResponseRole"


@dataclass
class Machine:
    system: System
    mode: str
    facts: dict[str, Any]
    volumes: list[dict[str, Any]]
    agent: dict[str, Any] | None = None

    @property
    def place(self) -> tuple[str, str]:
        return IDS[self.system.account], self.system.region


@dataclass
class Fleet:
    world: World
    machines: list[Machine] = field(default_factory=list)
    # What was planted: the system and the code of the notice that must name it.
    expected: set[tuple[System, str]] = field(default_factory=set)

    @property
    def accounts(self) -> dict[str, dict[str, str]]:
        """The section `accounts` of the configuration."""
        return {
            name: {"id": id, "role": f"arn:aws:iam::{id}:role/{ROLE_OF_HUNTBRIDGE}"}
            | ({"cado_account": name} if name in ROLELESS else {"platform_role": platform_role(name)})
            for name, id in IDS.items()
        }


def plant(*, systems: int, faults: int, seed: int, delay: float = 0.0) -> Fleet:
    """`faults`: of each class."""
    return _Planting(systems, faults, random.Random(seed), delay).fleet


class _Planting:
    def __init__(self, systems: int, faults: int, chance: random.Random, delay: float) -> None:
        self._faults, self._chance, self._number = faults, chance, 0
        self.world = World(PINNED, delay)
        self.fleet = Fleet(self.world)
        self.world.not_opted_in.add((IDS["main"], OFF))
        self.world.opted_in.add((IDS["main"], OPTED))
        self.world.local_gb = {"i3.large": 475}
        for account, region, mode, share in SHARES:
            for _ in range(systems * share // 100):
                self.fleet.machines.append(self._machine(account, region, mode))
        self._places()
        self._machines()
        self._volumes()
        self._keys()
        self._agents()
        self._publish()

    # The healthy fleet, in which much looks like a fault

    def _machine(self, account: str, region: str, mode: str) -> Machine:
        id = f"i-{self._next():017x}"
        states = ("running", "running", "running", "stopped") if mode == FULL else ("running",)
        facts: dict[str, Any] = {
            "InstanceId": id, "InstanceType": "m5.large", "RootDeviceType": "ebs",
            "State": {"Code": 16, "Name": self._chance.choice(states)},
            "Placement": {"AvailabilityZone": f"{region}a"},
            "HibernationOptions": {"Configured": False}, "LaunchTime": NOW - timedelta(days=30),
            "ProductCodes": self._chance.choice(([], [{"ProductCodeId": "d1", "ProductCodeType": "devpay"}])),
            "Tags": [{"Key": "Name", "Value": f"machine-{self._number}"}],
        }  # fmt: skip
        if account == "tagged":
            facts["Tags"].append({"Key": "CadoResponseSSMEnabled", "Value": "True"})
        system = System(id, region, account)
        volumes = [self._volume(id, account, region) for _ in range(self._chance.choice((1, 1, 2, 3)))]
        agent = {
            "InstanceId": id, "PingStatus": "Online", "LastPingDateTime": NOW - timedelta(minutes=2),
            "PlatformType": "Linux",
        }  # fmt: skip
        return Machine(system, mode, facts, volumes, agent)

    def _volume(self, instance: str, account: str, region: str) -> dict[str, Any]:
        id = f"vol-{self._next():017x}"
        kind, size = self._chance.choice((("gp3", 30), ("gp3", 500), ("st1", 499), ("io2", 8)))
        volume: dict[str, Any] = {
            "VolumeId": id, "Size": size, "VolumeType": kind, "Encrypted": False, "State": "in-use",
            "Attachments": [{"InstanceId": instance, "VolumeId": id, "State": "attached"}],
        }  # fmt: skip
        place = (IDS[account], region)
        for days in (1, 8):
            self._snapshot(place, id, "completed", timedelta(days=days))
        if kind == "gp3" and self._chance.random() < 0.1:  # fewer than AWS allows, and not young
            self._snapshot(place, id, "pending", timedelta(minutes=5))
        if self._chance.random() < 0.5:
            volume |= {"Encrypted": True, "KmsKeyId": self._good_key(account, region)}
        return volume

    def _snapshot(self, place: tuple[str, str], volume: str, state: str, age: timedelta) -> None:
        self.world.snapshots[place].append(
            {
                "SnapshotId": f"snap-{self._next():017x}",
                "VolumeId": volume,
                "State": state,
                "StartTime": NOW - age,
                "VolumeSize": 30,
                "FullSnapshotSizeInBytes": 2**33,
            }
        )

    def _good_key(self, account: str, region: str) -> str:
        """A key that the platform's role may use, in one of the ways that there are."""
        role, other = platform_role(account), f"arn:aws:iam::{IDS[account]}:role/admin"
        root, here = f"arn:aws:iam::{IDS[account]}:root", {"kms:CallerAccount": IDS[account]}
        grant = {"GranteePrincipal": role, "Operations": ["Decrypt", "DescribeKey"]}
        ways: tuple[Callable[[], Key], ...] = (
            lambda: Key(by_aws=True, policy=_policy(("Allow", "*", {"StringEquals": here}))),
            lambda: Key(policy=_policy(("Allow", root), ("Deny", other))),
            lambda: Key(policy=_policy(("Allow", [other, role]))),
            lambda: Key(policy=_policy(("Allow", other)), grants=[grant]),
            lambda: Key(policy=_policy(("Allow", "*", {"StringEquals": here}))),
            lambda: Key(policy=_policy(("Allow", role), ("Deny", "*", _not_by("alexa")))),
        )
        number = self._chance.randrange(len(ways) + 1)
        if number == len(ways):  # a key of another account, which names the role
            return self._key("vault", region, Key(policy=_policy(("Allow", role))), "good-for-" + account)
        return self._key(account, region, ways[number](), f"good-{number}")

    def _key(self, account: str, region: str, key: Key, name: str) -> str:
        arn = f"arn:aws:kms:{region}:{IDS[account]}:key/{name}"
        self.world.keys.setdefault(arn, key)
        return arn

    # The faults

    def _places(self) -> None:
        decide = self.world.decisions
        decide[platform_role("norights"), "ebs:GetSnapshotBlock"] = [("*", "implicitDeny", ())]
        decide[platform_role("scp"), "ssm:SendCommand"] = [("*", "explicitDeny", ())]
        decide[platform_role("conditional"), "ec2:CreateSnapshot"] = [
            ("*:volume/*", "implicitDeny", ("aws:ResourceTag/Team",))
        ]
        decide[platform_role("tagged"), "ssm:SendCommand"] = [
            ("*:instance/*", "implicitDeny", ("ssm:resourceTag/CadoResponseSSMEnabled",))
        ]
        # The role may make these tags only with a snapshot: the preflight has to say that it does.
        decide[platform_role("main"), "ec2:CreateTags"] = [("*", "implicitDeny", ("ec2:CreateAction",))]
        self.world.denied.add((IDS["blind"], "ec2:DescribeVolumes"))
        for _ in range(110):
            self._snapshot((IDS["busy"], EU), f"vol-{self._next():017x}", "pending", timedelta(minutes=9))
        for machine in self.fleet.machines:
            account, region = machine.system.account, machine.system.region
            of_place = {
                ("main", OFF): "region-off", ("main", OPTED): "opt-in-region", ("norights", US): "right",
                ("scp", US): "right", ("busy", EU): "region-pending", ("norole", US): "role-not-known",
                ("conditional", EU): "right-not-known",
            }  # fmt: skip
            if code := of_place.get((account, region)):
                self._expect(machine, code)
            if account in ROLELESS:
                self._expect(machine, "account-unknown")

    def _machines(self) -> None:
        for machine in self._some(FULL):
            machine.facts["State"]["Name"] = self._chance.choice(("pending", "stopping"))
            self._expect(machine, "changing")
        for machine in self._some(FULL):
            machine.facts["RootDeviceType"] = "instance-store"
            self._expect(machine, "no-ebs-root")
        for machine in self._some(FULL):
            machine.facts["InstanceType"] = "i3.large"
            self._expect(machine, "local-disks")
        for machine in self._some(FULL):
            machine.facts["HibernationOptions"]["Configured"] = True
            self._expect(machine, "hibernation")
        for machine in self._some(FULL):
            machine.facts["ProductCodes"] = [{"ProductCodeId": "abc", "ProductCodeType": "marketplace"}]
            self._expect(machine, "marketplace")
        for number, machine in enumerate(self._some(FULL)):
            managed = machine.facts if number % 2 else self._chance.choice(machine.volumes)
            managed["Operator"] = {"Managed": True, "Principal": "eks.amazonaws.com"}
            self._expect(machine, "managed")

    def _volumes(self) -> None:
        large, very_large = self._apart(2, FULL)
        for machine in large:
            self._chance.choice(machine.volumes)["Size"] = self._chance.randint(501, 1_500)
            self._expect(machine, "large")
        for machine in very_large:
            self._chance.choice(machine.volumes)["Size"] = self._chance.randint(1_501, 16_000)
            self._expect(machine, "very-large")
        outposts, first = self._apart(2, FULL)
        for machine in outposts:
            arn = f"arn:aws:outposts:{machine.system.region}:{machine.place[0]}:outpost/op-1"
            self._chance.choice(machine.volumes)["OutpostArn"] = arn
            self._expect(machine, "outpost")
        for machine in first:
            new = self._chance.choice(machine.volumes)["VolumeId"]
            kept = [one for one in self.world.snapshots[machine.place] if one["VolumeId"] != new]
            self.world.snapshots[machine.place] = kept
            self._expect(machine, "first-snapshot")
        for number, machine in enumerate(self._some(FULL)):
            volume = self._chance.choice(machine.volumes)
            kind, count, seconds = (("sc1", 1, 300), ("gp3", 5, 300), ("io2", 1, 5))[number % 3]
            volume["VolumeType"] = kind
            for _ in range(count):
                age = timedelta(seconds=seconds)
                self._snapshot(machine.place, volume["VolumeId"], "pending", age)
            self._expect(machine, "pending")

    def _keys(self) -> None:
        states, denied, unclear = self._apart(3, FULL, but=ROLELESS)
        for number, machine in enumerate(states):
            state = ("Disabled", "PendingDeletion", "PendingImport", "deleted")[number % 4]
            arn = self._give(machine, Key(state, policy=_policy(("Allow", "*"))), f"{state}-{number // 10}")
            if state == "deleted":
                del self.world.keys[arn]
            self._expect(machine, "key-state")
        for number, machine in enumerate(denied):
            self._deny(machine, number)
            self._expect(machine, "key-denied")
        for number, machine in enumerate(unclear):
            role = platform_role(machine.system.account)
            of_org = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
            constrained = {"EncryptionContextEquals": {"a": "b"}}
            keys = (
                Key(policy=_policy(("Allow", "*", of_org))),
                Key(policy=_policy(("Allow", role)), readable=False),
                Key(policy=_policy(("Deny", "*", of_org), ("Allow", role))),
                Key(policy="{"),
                Key(
                    policy=_policy(("Allow", "arn:aws:iam::999988887777:role/x")),
                    grants=[
                        {"GranteePrincipal": role, "Operations": ["Decrypt"], "Constraints": constrained}
                    ],
                ),
            )
            kind = number % len(keys)
            self._give(machine, keys[kind], f"unclear-{kind}-{number // 10}")
            self._expect(machine, "key-not-known")

    def _deny(self, machine: Machine, number: int) -> None:
        account = machine.system.account
        role, id = platform_role(account), IDS[account]
        root, admin = f"arn:aws:iam::{id}:root", f"arn:aws:iam::{id}:role/admin"
        kind, name = number % 6, f"denied-{number % 6}-{number // 10}"
        if kind == 0:  # the policy denies it
            self._give(machine, Key(policy=_policy(("Allow", root), ("Deny", role))), name)
        elif kind == 1:  # it names others alone
            self._give(machine, Key(policy=_policy(("Allow", admin))), name)
        elif kind == 2:  # it names the role, and lets it do something else
            policy = _policy(("Allow", admin), actions="kms:*", more=[_statement(role, "kms:DescribeKey")])
            self._give(machine, Key(policy=policy), name)
        elif kind == 3:  # a key of another account, which names only that account
            policy = _policy(("Allow", f"arn:aws:iam::{IDS['vault']}:root"))
            self._give(machine, Key(policy=policy), f"{name}-{account}", owner="vault")
        else:  # it leaves it to IAM, where nothing allows it; or it names the role, and IAM denies it
            allowed = root if kind == 4 else role
            arn = self._give(machine, Key(policy=_policy(("Allow", allowed))), name)
            decision = "implicitDeny" if kind == 4 else "explicitDeny"
            self.world.decisions[role, "kms:Decrypt"].append((arn, decision, ()))

    def _give(self, machine: Machine, key: Key, name: str, *, owner: str = "") -> str:
        arn = self._key(owner or machine.system.account, machine.system.region, key, name)
        volume = self._chance.choice(machine.volumes)
        volume |= {"Encrypted": True, "KmsKeyId": arn}
        return arn

    def _agents(self) -> None:
        stopped, offline = self._apart(2, TRIAGE)
        for machine in stopped:
            machine.facts["State"]["Name"] = "stopped"
            machine.agent = None
            self._expect(machine, "stopped")
        for number, machine in enumerate(offline):
            machine.agent = None if number % 2 else {**(machine.agent or {}), "PingStatus": "ConnectionLost"}
            self._expect(machine, "agent")
        tagged = [machine for machine in self.fleet.machines if machine.system.account == "tagged"]
        for number, machine in enumerate(self._chance.sample(tagged, self._faults)):
            machine.facts["Tags"][1]["Value" if number % 2 else "Key"] = "CadoResponse"
            self._expect(machine, "ssm-tag")

    # Parts of the above

    def _eligible(self, mode: str, but: Iterable[str] = ()) -> list[Machine]:
        """What can be looked at."""
        return [
            machine
            for machine in self.fleet.machines
            if machine.mode == mode
            and machine.system.region != OFF
            and machine.system.account not in (*BLIND, *but)
        ]

    def _some(self, mode: str) -> list[Machine]:
        return self._chance.sample(self._eligible(mode), self._faults)

    def _apart(self, classes: int, mode: str, but: Iterable[str] = ()) -> list[list[Machine]]:
        """The systems of several classes that exclude each other."""
        drawn = self._chance.sample(self._eligible(mode, but), self._faults * classes)
        return [drawn[number::classes] for number in range(classes)]

    def _expect(self, machine: Machine, code: str) -> None:
        self.fleet.expected.add((machine.system, code))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _publish(self) -> None:
        for machine in self.fleet.machines:
            self.world.instances[machine.place].append(machine.facts)
            self.world.volumes[machine.place] += machine.volumes
            if machine.agent:
                self.world.agents[machine.place].append(machine.agent)


def _statement(principal: Any, action: Any, effect: str = "Allow", condition: Any = None) -> dict[str, Any]:
    who = principal if principal == "*" else {"AWS": principal}
    made = {"Effect": effect, "Principal": who, "Action": action, "Resource": "*"}
    return made | ({"Condition": condition} if condition else {})


def _policy(*rules: tuple[Any, ...], actions: Any = "kms:*", more: Iterable[dict[str, Any]] = ()) -> str:
    """`rules`: effect, principal and a condition if there is one."""
    statements = [
        _statement(principal, actions, effect, condition[0] if condition else None)
        for effect, principal, *condition in rules
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": [*statements, *more]})


def _not_by(name: str) -> dict[str, Any]:
    return {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::*:user/{name}"}}
