"""What a preflight reads in AWS, and the port that it reads through. Nothing is changed in AWS."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from shared.models.inventory import Snapshot, Volume


@dataclass(frozen=True)
class KeyState:
    """What KMS says about a key."""

    state: str  # Enabled, Disabled, PendingDeletion, …; deleted: there is no such key
    by_aws: bool  # AWS manages it, such as aws/ebs


@dataclass(frozen=True)
class Grant:
    """A grant of a key to the role that was asked about."""

    operations: frozenset[str]
    constrained: bool  # it only counts for some encryption contexts


@dataclass(frozen=True)
class Agent:
    """What Systems Manager says about the agent of an instance."""

    ping: str  # Online, ConnectionLost, Inactive


class Decision(StrEnum):
    """What a simulation says about one action on one resource."""

    ALLOWED = "allowed"
    DENIED = "explicitDeny"
    NOT_ALLOWED = "implicitDeny"


@dataclass(frozen=True)
class Simulated:
    decision: Decision
    missing: tuple[str, ...] = ()  # keys of conditions whose values were not given


class Inspection(Protocol):
    """`account` is a key of `accounts`; empty means the account of this machine. Every method raises
    InstanceError and may be called by several threads at once."""

    def volumes(self, account: str, region: str, instances: Collection[str]) -> Sequence[Volume]:
        """The volumes that are attached to these instances."""
        ...

    def newest_snapshots(self, account: str, region: str, volumes: Collection[str]) -> Mapping[str, Snapshot]:
        """The newest complete snapshot of each volume that has one, by volume id."""
        ...

    def pending_snapshots(self, account: str, region: str) -> Sequence[Snapshot]:
        """The account's own snapshots of this region that are being made."""
        ...

    def agents(self, account: str, region: str) -> Mapping[str, Agent]:
        """The agent of each instance that has reported to Systems Manager, by instance id."""
        ...

    def local_gib(self, account: str, region: str, types: Collection[str]) -> Mapping[str, int]:
        """The size of the local disks that instances of these types have."""
        ...

    def opt_in(self, account: str) -> Mapping[str, str]:
        """The state of every region for the account: opt-in-not-required, opted-in or not-opted-in."""
        ...

    def key_state(self, account: str, region: str, key: str) -> KeyState:
        """`key`: an ARN, as in all methods below."""
        ...

    def key_policy(self, account: str, region: str, key: str) -> str:
        """The key's policy as JSON. KMS answers only in the account of the key."""
        ...

    def key_grants(self, account: str, region: str, key: str, role: str) -> Sequence[Grant]:
        """The grants of the key to this role."""
        ...

    def simulate(
        self,
        account: str,
        role: str,
        actions: Collection[str],
        resources: Collection[str],
        context: Collection[tuple[str, str]],
    ) -> Mapping[tuple[str, str], Simulated]:
        """Whether the policies of the role allow each action on each resource, by action and resource.
        `context`: the values of condition keys."""
        ...
