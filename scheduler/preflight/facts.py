"""What a preflight knows: every answer that it got, and for each answer that it did not get, why.

The rules beside this module are pure functions of these facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from scheduler.chosen_systems import Place
from scheduler.listed_fleet import Answers
from shared.models.inspection import Agent, Grant, KeyState, Simulated
from shared.models.inventory import Snapshot, Volume
from shared.models.kinds_of_system import Provider
from shared.models.systems import Instance, Kind, System

FULL, TRIAGE, SCAN = "full", "triage", "scan"
# What the platform's role needs for a capture, as its deployment templates grant it. kms:Decrypt is asked for
# each key.
DISK_RIGHTS = ("ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots")
SNAPSHOT_RIGHT, TAG_RIGHT = "ec2:CreateSnapshot", "ec2:CreateTags"
BLOCK_RIGHTS = ("ebs:ListSnapshotBlocks", "ebs:GetSnapshotBlock")
TRIAGE_RIGHTS = ("ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation")
COMMAND_RIGHT, DECRYPT = "ssm:SendCommand", "kms:Decrypt"
# A site may allow the platform's role to run commands only on machines with this tag.
TAG, TAG_VALUE = "CadoResponseSSMEnabled", "True"
TAG_CONDITION = f"ssm:resourceTag/{TAG}"


@dataclass(frozen=True)
class Target:
    """A system that the hunt captures, how, and what is known of it."""

    system: System
    mode: str
    instance: Instance | None = None

    @property
    def place(self) -> Place:
        return self.system.account, self.system.region

    @property
    def is_ec2(self) -> bool:
        return self.system.kind is Kind.EC2

    @property
    def takes_disks(self) -> bool:
        return self.mode != TRIAGE


@dataclass(frozen=True)
class PlatformSays:
    """What the platform says about itself. What it does not say has its default, of which no rule speaks."""

    role: str = ""  # of the key
    lacks: tuple[str, ...] = ()  # permissions that the key has not
    licence: str = ""  # FULL, TRIAGE_ONLY, RESTRICTED
    licence_ends: datetime | None = None
    local_workers: bool = False  # and no others
    queued: int = 0
    limit: int | None = None  # how many pipelines run at once
    clouds_off: tuple[Provider, ...] = ()
    accounts: frozenset[str] | None = None  # the names of the accounts that it knows


@dataclass(frozen=True)
class PlatformAccount:
    """One of the accounts that the platform captures from."""

    issues: tuple[str, ...] = ()  # what its own check found


@dataclass(frozen=True)
class Asked:
    """A simulation of the role that the platform has in an account: actions on resources in a region."""

    account: str
    region: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...] = ()  # condition keys and their values

    @property
    def context(self) -> tuple[tuple[str, str], ...]:
        return ("aws:RequestedRegion", self.region), *self.conditions

    @property
    def has_tag(self) -> bool:
        return (TAG_CONDITION, TAG_VALUE) in self.conditions


@dataclass(frozen=True)
class Facts:
    targets: tuple[Target, ...]
    now: datetime
    run_at: datetime | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # the platform's name of each account
    roles: Mapping[str, str] = field(default_factory=dict)  # of the platform by account
    # the platform
    platform: PlatformSays = PlatformSays()
    platform_accounts: Answers[str, PlatformAccount] = field(default_factory=Answers)  # by its own names
    # AWS
    volumes: Answers[Place, Sequence[Volume]] = field(default_factory=Answers)
    newest: Answers[Place, Mapping[str, Snapshot]] = field(default_factory=Answers)
    pending: Answers[Place, Sequence[Snapshot]] = field(default_factory=Answers)
    agents: Answers[Place, Mapping[str, Agent]] = field(default_factory=Answers)
    local_gib: Answers[Place, Mapping[str, int]] = field(default_factory=Answers)
    opt_in: Answers[str, Mapping[str, str]] = field(default_factory=Answers)
    key_states: Answers[str, KeyState] = field(default_factory=Answers)
    key_policies: Answers[str, str] = field(default_factory=Answers)
    key_grants: Answers[tuple[str, str], Sequence[Grant]] = field(default_factory=Answers)  # key, role
    simulated: Answers[Asked, Mapping[tuple[str, str], Simulated]] = field(default_factory=Answers)
    not_read: tuple[NotRead, ...] = ()

    def ec2(self) -> Iterator[Target]:
        return (target for target in self.targets if target.is_ec2)


@dataclass(frozen=True)
class NotRead:
    """Something that could not be read."""

    what: str  # such as "the volumes"
    account: str | None  # None: it is about the platform
    places: tuple[str, ...]  # regions or keys
    why: str
    right: str
