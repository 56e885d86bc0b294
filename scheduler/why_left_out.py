"""Decides which systems are left out of a hunt although a target names or finds them, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from scheduler.chosen_systems import Choice
from scheduler.selectors import described, excludes
from shared.config.hunts import HuntConfig
from shared.config.targets import SelectorConfig
from shared.models.systems import Instance, System

# By region and instance: whether the platform says that it can capture the instance.
Importable = Mapping[tuple[str, str], bool]

_GONE = ("shutting-down", "terminated")
# The tag Name of the platform's own instance, as its deployment templates set it.
_PLATFORM = "CadoResponse"
NAMED_LIKE_PLATFORM = (
    f"the tag Name is {_PLATFORM}, as on the platform's own machine, and the platform does not say whether "
    "it can capture it"
)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Candidate:
    """An instance that matches a selector, before anything is left out."""

    number: int  # of the target in the definition
    selector: SelectorConfig
    account: str
    instance: Instance
    group: str = ""  # its Auto Scaling group

    @property
    def system(self) -> System:
        return System(self.instance.id, self.instance.region, self.account)


class LeftOut:
    """Decides for one hunt definition."""

    def __init__(self, definition: HuntConfig, importable: Importable) -> None:
        self._definition, self._importable = definition, importable

    def judge(self, candidates: Iterable[Candidate]) -> Iterator[Choice]:
        """Each candidate as a choice. If a selector has a `sample`, the longest running instances of each
        Auto Scaling group are taken."""
        taken: Counter[tuple[int, str, str, str]] = Counter()
        by_age = sorted(candidates, key=lambda each: (each.number, each.instance.launched_at or _NEVER))
        for candidate in by_age:
            selector, instance, system = candidate.selector, candidate.instance, candidate.system
            reason = self.never(system, instance) or self.excluded(system, instance)
            if not reason and instance.state not in selector.states:
                reason = f"it is {instance.state}, and the target wants {' or '.join(selector.states)}"
            groups = selector.auto_scaling_groups
            if groups and groups.sample and not reason:
                key = (candidate.number, candidate.account, instance.region, candidate.group)
                taken[key] += 1
                if taken[key] > groups.sample:
                    reason = f"{groups.sample} of its Auto Scaling group that ran longer stands for it"
            why = f"targets[{candidate.number}]: {described(selector)}"
            why += f", group {candidate.group}" if candidate.group else ""
            yield Choice(system, why, reason, instance, selector.capture or "")

    def never(self, system: System, instance: Instance) -> str:
        """Why this instance cannot be captured by any hunt; empty if it can."""
        if instance.state in _GONE:
            return "it is terminated"
        is_importable = self._importable.get((system.region, system.instance))
        if is_importable is False:
            return "the platform says that it cannot capture it: it is its own or a worker"
        # Everybody who may tag a machine can set this tag. So it only counts if the platform reports nothing
        # about the instance.
        if is_importable is None and self._definition.selects and instance.name == _PLATFORM:
            return NAMED_LIKE_PLATFORM
        return ""

    def excluded(self, system: System, instance: Instance | None) -> str:
        """The first `exclude` rule that leaves the system out; empty if there is none."""
        for number, rule in enumerate(self._definition.exclude):
            if excludes(rule, system, instance):
                return f"exclude[{number}]: {described(rule)}"
        return ""
