"""The ports for facts about systems, which AWS fills and stubs fill in tests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.models.systems import Instance

ACTIVE = "ACTIVE"  # the state of an account of AWS Organizations that can be used


@dataclass(frozen=True)
class Volume:
    """A volume of EBS that is attached to an instance."""

    id: str
    instance: str  # the instance that it is attached to
    region: str
    account: str = ""  # a key of accounts; empty for this machine's own
    owner: str = ""  # the twelve digits of the account that owns it
    gib: int = 0
    type: str = ""  # gp3, io2, …
    encrypted: bool = False
    key: str = ""  # ARN of the KMS key
    outpost: str = ""  # ARN
    managed_by: str = ""  # the AWS service that manages it


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of a volume."""

    id: str
    volume: str
    state: str  # pending | completed | error | …
    started_at: datetime | None = None
    full_bytes: int | None = None  # what a copy of all its blocks holds


class InstanceError(Exception):
    """A fact could not be looked up. The text is one plain sentence for a person."""


class RoleRefused(InstanceError):
    """AWS does not let this machine assume the role of an account."""


class InstanceFacts(Protocol):
    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        """`account` is an alias from the configuration; empty means the account of this machine. Raises
        InstanceError."""
        ...


class Fleet(Protocol):
    """What AWS accounts hold. `account`: as for `InstanceFacts.describe`. Every method raises InstanceError
    and may be called by several threads at once."""

    def members(self, unit: str, account: str = "") -> list[str]:
        """The ids of the active accounts in and below a unit of AWS Organizations. Organizations is asked
        with the credentials of `account`."""
        ...

    def regions(self, account: str) -> list[str]:
        """The regions that the account has enabled."""
        ...

    def instances(
        self,
        account: str,
        region: str,
        *,
        only: Collection[str] = (),
        tags: Mapping[str, Collection[str]] = {},
    ) -> list[Instance]:
        """The instances of one region of one account, also terminated ones. `only` limits them to these ids.
        `tags` limits them to instances that have each of these keys with one of its values, in which * and ?
        match any text."""
        ...

    def groups(self, account: str, region: str) -> Mapping[str, str]:
        """The Auto Scaling group of each instance that is in a group, by instance id."""
        ...

    def volumes(self, account: str, region: str, only: Collection[str]) -> Mapping[str, list[int]]:
        """The sizes of the volumes of each instance, in GiB, by instance id."""
        ...


class OrganizationFleet(Fleet, Protocol):
    """A fleet that also knows whose accounts these are."""

    def own_account(self) -> str:
        """The id of this machine's own account."""
        ...

    def accounts_below(self, unit: str, account: str = "") -> Mapping[str, str]:
        """The ids of all accounts in and below a unit, each with its state: ACTIVE, SUSPENDED, …. `account`:
        as for `members`."""
        ...
