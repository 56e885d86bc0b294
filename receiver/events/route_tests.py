"""Runs the `tests` of the configuration: whether each example of an alarm would go where it must. Sends
nothing and looks nothing up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from receiver.events.example import Description, NotUsable, apply, minimal_alarm
from receiver.events.hold import Target
from receiver.events.route import decision_steps, route_decision, steps, targets
from shared.config.config import Config
from shared.config.route_tests import RouteTestConfig
from shared.config.route_warnings import NOT_ROUTED
from shared.models.alarms import Alarm
from shared.models.event_kinds import DECISION_KINDS


@dataclass(frozen=True)
class Tried:
    """One test, and the outcome."""

    name: str
    expected: tuple[str, ...]
    got: tuple[str, ...]
    decided_by: tuple[str, ...] = ()  # such as "route 2" or "default"
    problem: str = ""  # why it failed, in words; empty if it passed
    held: Mapping[str, str] = field(default_factory=dict)  # the destinations that get it later, and when

    @property
    def passed(self) -> bool:
        return not self.problem

    @property
    def words(self) -> str:
        """The outcome, such as "to ir; to soc, held until 2026-11-30 08:00 Europe/Berlin"."""
        now = [name for name in self.got if name not in self.held]
        parts = [f"to {', '.join(now)}"] if now else []
        parts += [f"to {name}, {when}" for name, when in self.held.items()]
        return self.problem or "; ".join(parts) or "to nothing"


def run(config: Config) -> list[Tried]:
    """Each test in the order of the configuration."""
    return [_try(test, number, config) for number, test in enumerate(config.tests, start=1)]


def _try(test: RouteTestConfig, number: int, config: Config) -> Tried:
    name = test.name or str(number)
    try:
        alarm = apply(_described(test), minimal_alarm(), config)
    except NotUsable as error:
        return Tried(name, test.to, (), problem=str(error))
    if alarm.event.kind in NOT_ROUTED:
        never = "is never routed: it goes where the alarms went, or where its own key says"
        return Tried(name, test.to, (), problem=f"{alarm.event.kind} {never}")
    found, decided_by = _routed(alarm, config, test)
    got = tuple(target.name for target in found)
    held = {target.name: target.hold.words for target in found if target.hold}
    problem = "" if set(got) == set(test.to) else _difference(test.to, got, decided_by)
    if not problem and test.held is not None and set(test.held) != set(held):
        problem = f"expected to be held for {_listed(test.held)}, and is held for {_listed(held)}"
    return Tried(name, test.to, got, decided_by, problem, held)


def _described(test: RouteTestConfig) -> Description:
    said = test.model_dump(exclude={"name", "to", "tags", "at", "held"})
    return Description(**said, tag=tuple(f"{key}={value}" for key, value in test.tags.items()))


def _routed(
    alarm: Alarm, config: Config, test: RouteTestConfig
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """The destinations, and what decided."""
    if alarm.event.kind in DECISION_KINDS:  # goes to the case's destinations too, which no test knows
        by = [step.name for step in decision_steps(alarm, config)]
        return tuple(map(Target, route_decision(alarm, config))), tuple(by)
    by = [step.name for step in steps(alarm, config, test.at) if step.matches]
    return tuple(targets(alarm, config, test.at)), tuple(by)


def _difference(expected: tuple[str, ...], got: tuple[str, ...], decided_by: tuple[str, ...]) -> str:
    by = f"; decided by {' and '.join(decided_by)}" if decided_by else "; no route names it"
    return f"expected {_listed(expected)}, got {_listed(got)}{by}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
