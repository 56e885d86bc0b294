"""The systems that the targets of a hunt choose, each with the reason why it is chosen or left out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from scheduler.wording import some_of
from shared.models.systems import Instance, System

Place = tuple[str, str]  # account, region
NAMED = "named"  # the `why` of a system that the definition names


@dataclass(frozen=True)
class Choice:
    """One system that a target names or finds."""

    system: System
    why: str  # the target that chooses it
    why_not: str = ""  # why it is left out; empty if it is not
    instance: Instance | None = None  # None if EC2 was not asked, gave no answer, or has no such instance
    mode: str = ""  # the target's `capture`; empty if the target has none

    @property
    def place(self) -> Place:
        return self.system.account, self.system.region


@dataclass(frozen=True)
class Selection:
    """The choices in the order in which they are captured. Systems that are left out come last."""

    choices: tuple[Choice, ...]
    problems: tuple[str, ...] = ()  # why systems may be missing
    notes: tuple[str, ...] = ()  # why there may be too many systems

    @property
    def systems(self) -> tuple[System, ...]:
        return tuple(choice.system for choice in self.choices if not choice.why_not)

    @property
    def modes(self) -> dict[System, str]:
        return {choice.system: choice.mode for choice in self.choices if choice.mode}

    @property
    def left_out(self) -> tuple[str, ...]:
        """The reasons, each with the systems that it left out, the most frequent reason first."""
        by_reason: dict[str, list[str]] = defaultdict(list)
        for choice in self.choices:
            if choice.why_not:
                by_reason[choice.why_not].append(choice.system.instance)
        most_first = sorted(by_reason.items(), key=lambda item: -len(item[1]))
        return tuple(f"{len(ids):,} left out: {reason}: {some_of(ids)}" for reason, ids in most_first)
