"""Where facts about a system come from, as the rooms see it: EC2 on AWS, a stub in a test."""

from __future__ import annotations

from typing import Protocol

from shared.models import Instance


class InstanceError(Exception):
    """An instance could not be looked up; the text is one plain sentence for a person."""


class InstanceFacts(Protocol):
    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        """`account` is an alias from the config; empty is this machine's own. Raises InstanceError."""
        ...
