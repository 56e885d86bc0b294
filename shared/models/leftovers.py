"""What carries the platform's marks in AWS, and what of it was left behind after its captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

MAX_ROWS = 300  # that are stored


class Sort(StrEnum):
    SNAPSHOT = "snapshot"
    VOLUME = "volume"
    KEY = "key"  # of KMS
    WORKER = "worker"


@dataclass(frozen=True)
class Marked:
    """One thing in AWS whose name says that the platform made it."""

    sort: Sort
    id: str
    account: str  # a key of `accounts`; empty: this machine's own
    region: str
    made_at: datetime | None
    name: str = ""  # its tag Name, or the alias of a key
    state: str = ""  # of a worker: its type
    gib: float | None = None
    volume: str = ""  # of which a snapshot was made


class Marks(Protocol):
    """`account` is a key of `accounts`; empty means the account of this machine. Every method raises
    InstanceError and may be called by several threads at once."""

    def snapshots(self, account: str, region: str) -> Sequence[Marked]:
        """The account's own snapshots with the platform's mark."""
        ...

    def volumes(self, account: str, region: str) -> Sequence[Marked]:
        """The volumes with the platform's mark that are attached to no instance."""
        ...

    def keys(self, account: str, region: str) -> Sequence[Marked]:
        """The keys of KMS whose alias is one of the platform's."""
        ...


@dataclass(frozen=True)
class Leftover:
    """Something that the platform made and that no capture needs any more."""

    what: Marked
    usd_a_month: float | None = None  # at most; None: no price is known
    command: str = ""  # deletes it, if a person runs it
    note: str = ""


@dataclass(frozen=True)
class LeftBehind:
    """What one look at all accounts and regions found, the most expensive first."""

    at: datetime
    found: tuple[Leftover, ...] = ()  # at most MAX_ROWS
    total: int = 0
    usd_a_month: float = 0.0  # of all
    in_use: int = 0  # things with the platform's marks that a capture may still need
    places: int = 0  # accounts and regions that were looked at
    problems: tuple[str, ...] = ()  # sentences: what could not be looked at
