"""The systems that the targets of a hunt choose, each with the reason why it is chosen or left out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from scheduler.wording import some_of
from shared.models.systems import Instance, Kind, System
from shared.text import one_line

Place = tuple[str, str]  # account, region
NAMED = "named"  # the `why` of a system that the definition names


@dataclass(frozen=True)
class Choice:
    """One system that a target names or finds."""

    system: System
    why: str  # the target that chooses it
    why_not: str = ""  # why it is left out; empty if it is not
    # What EC2 or the platform says about it. None if it was not asked, gave no answer, or does not know it.
    instance: Instance | None = None
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

    def joined(self, other: Selection) -> Selection:
        """Both selections in one; the systems that targets name come first."""
        choices = sorted((*self.choices, *other.choices), key=list_order)
        return Selection(tuple(choices), (*self.problems, *other.problems), (*self.notes, *other.notes))

    @property
    def systems(self) -> tuple[System, ...]:
        return tuple(choice.system for choice in self.choices if not choice.why_not)

    @property
    def facts(self) -> dict[System, Instance]:
        """What the platform says about the systems of other kinds than EC2."""
        return {
            choice.system: choice.instance
            for choice in self.choices
            if choice.instance and choice.system.kind is not Kind.EC2
        }

    @property
    def modes(self) -> dict[System, str]:
        return {choice.system: choice.mode for choice in self.choices if choice.mode}

    @property
    def left_out(self) -> tuple[str, ...]:
        """The reasons, each with the systems that it left out, the most frequent reason first."""
        by_reason: dict[str, list[str]] = defaultdict(list)
        for choice in self.choices:
            if choice.why_not:
                by_reason[choice.why_not].append(one_line(choice.system.title, 200))
        most_first = sorted(by_reason.items(), key=lambda item: -len(item[1]))
        return tuple(f"{len(ids):,} left out: {reason}: {some_of(ids)}" for reason, ids in most_first)


def list_order(choice: Choice) -> tuple[str, ...]:
    """Named systems come first, in the order of the configuration. The others are sorted by place and
    name."""
    if choice.why == NAMED:
        return ("",)
    system, name = choice.system, choice.instance.name if choice.instance else ""
    return ("found", system.account, system.region, name, system.instance)
