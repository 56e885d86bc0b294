"""The terms of a verdict: where, and until when, the findings of a harmless case are known good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Scope(StrEnum):
    """Where findings are known good."""

    SYSTEM = "system"
    HUNT = "hunt"  # every system of the hunts of one name
    TAG = "tag"  # every system with one EC2 tag
    EVERYWHERE = "everywhere"


@dataclass(frozen=True)
class Terms:
    """What a person chose who closed a case as benign or false positive."""

    scope: Scope = Scope.SYSTEM
    until: datetime | None = None  # None: for the time that the configuration says
    hunt: str = ""  # the hunt's name, for the scope `hunt`
    tag: tuple[str, str] = ("", "")  # key and value, for the scope `tag`
    # The fingerprints of the malicious findings that the person named. No other malicious one becomes known
    # good.
    malicious: tuple[str, ...] = ()
    nothing: bool = False  # nothing becomes known good
