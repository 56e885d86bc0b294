"""What the captures of a system brought, and the machines that no hunt selects."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.models.systems import System


class Outcome(StrEnum):
    """What the captures of one system brought in one week."""

    MALICIOUS = "malicious"
    SUSPICIOUS = "suspicious"
    UNKNOWN = "unknown"  # no alarms, and only a part of it was searched
    FAILED = "failed"
    CLEAN = "clean"
    NONE = "none"  # there was no capture

    @property
    def rank(self) -> int:
        """Higher is worse."""
        return (*reversed(Outcome),).index(self)


@dataclass(frozen=True)
class Unselected:
    """A machine that EC2 lists and no hunt captures."""

    system: System
    name: str = ""
    why: str = ""  # why a hunt that finds it leaves it out; empty: no hunt finds it
