"""Which of one's own indicators and rules were in force when a hunt captured its systems."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Force(StrEnum):
    IN_FORCE = "in force"
    PARTLY = "partly in force"
    NOT = "not in force"


@dataclass(frozen=True)
class InForce:
    """What huntbridge has set on the platform, and whether it was there when it looked."""

    state: Force = Force.NOT
    hash: str = ""  # SHA-256 of all indicators and rules
    rules: int = 0
    indicators: int = 0
    feeds: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()  # sentences
