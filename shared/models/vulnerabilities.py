"""The vulnerabilities that the platform finds in the packages of captured systems."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from shared.models.systems import System

Severity = Literal["critical", "high"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high")  # that huntbridge asks for, the worst first
MAX_ROWS = 50  # vulnerabilities of one system that are kept with all their fields


@dataclass(frozen=True)
class Vulnerability:
    """One vulnerability of one package. All text is the platform's."""

    cve: str
    severity: Severity
    package: str = ""
    installed: str = ""  # version
    fixed: str = ""  # the version that mends it; empty: none is known
    title: str = ""
    target: str = ""  # where the package is
    in_use: bool | None = None  # None: the platform does not know
    evidence_id: int | None = None

    @property
    def id(self) -> str:
        """The same for the same package in every hunt."""
        text = "\n".join((self.cve, self.package, self.target))
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]

    @property
    def order(self) -> tuple[bool, int, str, str]:
        """The worst first: what is in use, then by severity."""
        return self.in_use is not True, SEVERITIES.index(self.severity), self.cve, self.package


@dataclass(frozen=True)
class SystemVulnerabilities:
    """What one hunt found on one system."""

    system: System | None  # None: on evidence that belongs to no capture of the hunt
    critical: int = 0
    high: int = 0
    in_use: int = 0  # of both, those in packages that are in use
    new: int | None = None  # that the hunt before did not find there; None: not known
    rows: tuple[Vulnerability, ...] = ()  # the worst first, at most MAX_ROWS
    ids: tuple[str, ...] = ()  # of all of them

    @property
    def total(self) -> int:
        return self.critical + self.high


@dataclass(frozen=True)
class FoundVulnerabilities:
    """What one hunt found on all of its systems."""

    critical: int = 0
    high: int = 0
    in_use: int = 0
    systems: int = 0  # that have any
    new: int | None = None  # None: not known, as with the first hunt
    since: datetime | None = None  # when the hunt was scheduled with which they are compared
    complete: bool = True  # False: the platform has more of them than are read

    @property
    def total(self) -> int:
        return self.critical + self.high


@dataclass(frozen=True)
class HuntVulnerabilities:
    """What one hunt found, in sum and on the systems that have the worst."""

    found: FoundVulnerabilities
    worst: tuple[SystemVulnerabilities, ...] = ()  # at most MAX_WORST, each with at most MAX_SHOWN rows


MAX_WORST, MAX_SHOWN = 20, 10


def worst_of(systems: Iterable[SystemVulnerabilities]) -> tuple[SystemVulnerabilities, ...]:
    """The systems that have the worst, shortened."""
    worst_first = sorted(systems, key=lambda each: (-each.critical, -each.high, -each.in_use))
    return tuple(replace(each, rows=each.rows[:MAX_SHOWN], ids=()) for each in worst_first[:MAX_WORST])
