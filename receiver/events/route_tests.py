"""Runs the `tests` of the configuration: whether each example of an alarm would go where it must. Sends
nothing and looks nothing up.
"""

from __future__ import annotations

from dataclasses import dataclass

from receiver.events.example import Description, NotUsable, apply, minimal_alarm
from receiver.events.route import decision_steps, route, route_decision, steps
from shared.config.config import Config
from shared.config.route_tests import RouteTestConfig
from shared.config.route_warnings import NOT_ROUTED
from shared.models.alarms import Alarm
from shared.models.event_kinds import DECISION_KINDS


@dataclass(frozen=True)
class Tried:
    """One test, and what came of it."""

    name: str
    expected: tuple[str, ...]
    got: tuple[str, ...]
    decided_by: tuple[str, ...] = ()  # such as "route 2" or "default"
    problem: str = ""  # why it failed, in words; empty if it passed

    @property
    def passed(self) -> bool:
        return not self.problem


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
    got, decided_by = _routed(alarm, config)
    problem = "" if set(got) == set(test.to) else _difference(test.to, got, decided_by)
    return Tried(name, test.to, got, decided_by, problem)


def _described(test: RouteTestConfig) -> Description:
    said = test.model_dump(exclude={"name", "to", "tags"})
    return Description(**said, tag=tuple(f"{key}={value}" for key, value in test.tags.items()))


def _routed(alarm: Alarm, config: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The destinations, and what decided."""
    if alarm.event.kind in DECISION_KINDS:  # goes to the case's destinations too, which no test knows
        by = [step.name for step in decision_steps(alarm, config)]
        return tuple(route_decision(alarm, config)), tuple(by)
    by = [step.name for step in steps(alarm, config) if step.matches]
    return tuple(route(alarm, config)), tuple(by)


def _difference(expected: tuple[str, ...], got: tuple[str, ...], decided_by: tuple[str, ...]) -> str:
    by = f"; decided by {' and '.join(decided_by)}" if decided_by else "; no route names it"
    return f"expected {_listed(expected)}, got {_listed(got)}{by}"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
