"""Where facts about systems come from, as the rooms see it: EC2 on AWS, a stub in a test."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from shared.models.systems import Instance


class InstanceError(Exception):
    """Something could not be looked up; the text is one plain sentence for a person."""


class InstanceFacts(Protocol):
    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        """`account` is an alias from the config; empty is this machine's own. Raises InstanceError."""
        ...


class Fleet(Protocol):
    """What there is. `account` as above. Each question raises InstanceError; several may be asked at once."""

    def members(self, unit: str, account: str = "") -> list[str]:
        """The ids of the active accounts in and below a unit of AWS Organizations, which `account` asks."""
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
        """All of one region of one account, terminated ones too. Of `only`, those that are there; with
        `tags`, those that have each of these keys with one of its values, in which * and ? stand for any
        text."""
        ...

    def groups(self, account: str, region: str) -> Mapping[str, str]:
        """By instance, its Auto Scaling group."""
        ...

    def volumes(self, account: str, region: str, only: Collection[str]) -> Mapping[str, list[int]]:
        """By instance, the sizes of its volumes in GiB."""
        ...
