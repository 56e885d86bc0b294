"""In which of the last hunts of a system a kind of alarm was seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

HUNTS_SHOWN = 12
KINDS_OF_A_HUNT = 200  # the most that are stored


def mark_of(description: str) -> str:
    """A short name for a kind of alarm. The description may be as long as an attacker made it."""
    return hashlib.sha256(description.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class InHunt(StrEnum):
    """What a hunt says about one kind of alarm on one system."""

    SEEN = "seen"
    NOT_SEEN = "not seen"
    NOT_CAPTURED = "not captured"
    NOT_KNOWN = "not known"  # it had alarms, and which kinds they were is not stored


@dataclass(frozen=True)
class SeenInHunt:
    hunt_id: str
    was: InHunt


@dataclass(frozen=True)
class Seen:
    """When and in which of the last hunts one kind of alarm was seen. The times are those of the alarms, not
    those of the traces on the disk."""

    hunts: tuple[SeenInHunt, ...] = ()  # at most HUNTS_SHOWN, the oldest first
    first_at: datetime | None = None  # None: not stored
    last_at: datetime | None = None

    def count(self, was: InHunt) -> int:
        return sum(hunt.was is was for hunt in self.hunts)

    @property
    def is_new(self) -> bool:
        """Whether the last hunt is the first of several in which it was seen."""
        *earlier, last = self.hunts or (SeenInHunt("", InHunt.NOT_KNOWN),)
        known = (InHunt.NOT_SEEN, InHunt.NOT_CAPTURED)
        return bool(earlier) and last.was is InHunt.SEEN and all(hunt.was in known for hunt in earlier)

    @property
    def in_words(self) -> str:
        """Such as "seen in 3 of the last 12 hunts, 1 without a capture"; empty if no hunt is known."""
        if not self.hunts:
            return ""
        total, seen = len(self.hunts), self.count(InHunt.SEEN)
        words = [f"seen in {seen} of the last {total} hunts" if total > 1 else "seen in the only hunt"]
        if total == 1 and not seen:
            words = [f"{self.hunts[0].was} in the only hunt"]
        if total > 1 and (missed := self.count(InHunt.NOT_CAPTURED)):
            words.append(f"{missed} without a capture")
        if total > 1 and (unknown := self.count(InHunt.NOT_KNOWN)):
            words.append(f"{unknown} not known")
        return ", ".join(words)
