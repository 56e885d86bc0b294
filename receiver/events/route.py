"""Decides which destinations an alarm is sent to, by the routes of the configuration.

The first route that matches decides, unless it has `continue`. If no route matches, the default decides. An
unknown value of an alarm matches nothing, not even `*`. Every alarm is sent somewhere; hold.py says when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from receiver.events.hold import Target, each_once, targets_of
from shared.config.config import Config
from shared.config.patterns import fits
from shared.config.routes import MatchConfig
from shared.models.alarms import Alarm
from shared.models.event_kinds import ACKNOWLEDGED, DESTINATION_BROKEN, RECOVERED, REPORT
from shared.models.hunts import hunt_name
from shared.models.mutes import MuteMatch
from shared.queues.dead_letter_notices import fallbacks

_CASE_INSENSITIVE = ("event", "severity")


def route(alarm: Alarm, config: Config) -> list[str]:
    """The names of the destinations within the active hours of every route."""
    return [target.name for target in targets(alarm, config, None)]


def targets(alarm: Alarm, config: Config, at: datetime | None) -> list[Target]:
    """The destinations at this time: each once, in the order of the routes. `at`: None stands for a time
    within the active hours of every route.

    If the configuration names none for this alarm, it is sent to every configured destination. The monthly
    report goes where its own section says. That a destination is broken is told at another one.
    """
    found = _routed(alarm, config, at)
    if alarm.event.kind != DESTINATION_BROKEN:
        return found
    others = [name for name in fallbacks(config) if name != alarm.event.title]
    return [target for target in found if target.name in others] or [Target(name) for name in others[:1]]


def _routed(alarm: Alarm, config: Config, at: datetime | None) -> list[Target]:
    if alarm.event.kind == REPORT and config.report:
        return [Target(name) for name in config.report.to]
    known = known_values(alarm, config)
    found: list[Target] = []
    matched = False
    for rule in config.routes:
        if mismatch(rule.match, known, alarm) is None:
            matched = True
            found += targets_of(rule, alarm, at)
            if not rule.go_on:
                break
    if not matched:
        found += map(Target, config.default)
    return each_once(found) or [Target(name) for name in config.destinations]


def route_decision(alarm: Alarm, config: Config) -> list[str]:
    """The destinations that routes choose for a decision about a case, whether or not the case had reached
    them. Every route that names the kind of event and matches adds its destinations. The default does not
    apply, and no route applies to an acknowledgement."""
    if alarm.event.kind == ACKNOWLEDGED:
        return []
    return list(dict.fromkeys(name for step in decision_steps(alarm, config) for name in step.to))


def decision_steps(alarm: Alarm, config: Config) -> list[Step]:
    """The routes that send a decision about a case to their destinations."""
    known = known_values(alarm, config)
    return [
        Step(number, True, "", rule.to, go_on=True, targets=tuple(map(Target, rule.to)))
        for number, rule in enumerate(config.routes, start=1)
        if alarm.event.kind in map(str.lower, rule.match.event) and mismatch(rule.match, known, alarm) is None
    ]


@dataclass(frozen=True)
class Step:
    """One route or the default, and whether an alarm matches it."""

    number: int  # of the route, from 1; 0 for the default
    matches: bool
    why: str  # why it does not match, or is not looked at; empty if it matches
    to: tuple[str, ...] = ()  # where the alarm is sent by it; empty for the default: to every destination
    go_on: bool = False  # the routes below are looked at too
    targets: tuple[Target, ...] = ()  # where the alarm is sent by it, and until when it is held

    @property
    def name(self) -> str:
        return f"route {self.number}" if self.number else "default"

    def __str__(self) -> str:
        if not self.matches:
            return f"{self.name}: {self.why}"
        to = ", ".join(map(str, self.targets)) or "every destination, since there is no default"
        return f"{self.name}: yes, to {to}" + (", and goes on" if self.go_on else "")


def explain(alarm: Alarm, config: Config, at: datetime | None = None) -> list[str]:
    """One line for each route and one for the default: whether it matches this alarm, and why."""
    return [str(step) for step in steps(alarm, config, at)]


def steps(alarm: Alarm, config: Config, at: datetime | None = None) -> list[Step]:
    """Each route in its order and then the default: whether it matches this alarm, and why. `at` as in
    `targets`."""
    known, found, decided = known_values(alarm, config), [], False
    for number, rule in enumerate(config.routes, start=1):
        if decided:
            found.append(Step(number, False, "not looked at, an earlier route decided"))
        elif why := mismatch(rule.match, known, alarm):
            found.append(Step(number, False, f"no, {why}"))
        else:
            there = tuple(targets_of(rule, alarm, at))
            to = tuple(target.name for target in there)
            found.append(Step(number, True, "", to, rule.go_on, there))
            decided = not rule.go_on
    if any(step.matches for step in found):
        return [*found, Step(0, False, "not needed")]
    return [*found, Step(0, True, "", config.default, targets=tuple(map(Target, config.default)))]


def known_values(alarm: Alarm, config: Config) -> dict[str, list[str]]:
    """The alarm's values, by the key of `match` that is compared with them."""
    event, hunt, project, evidence = alarm.event, alarm.hunt, alarm.project, alarm.evidence
    instance, system, report = alarm.instance, alarm.system, event.report
    alias = system.account if system else ""
    account = config.accounts.get(alias)
    project_id = (project and project.id) or event.project_id or (hunt and hunt.project_id)
    return {
        "event": _kinds(alarm),
        "severity": [alarm.severity],
        "hunt": _some(hunt and hunt.name, hunt_name(event.hunt_id or ""), report and report.hunt),
        "project": _some(project and project.name, project_id and str(project_id)),
        "account": _some(
            alias, account and account.id, instance and instance.account_id, evidence and evidence.account_id
        ),
        "region": _some(system and system.region, instance and instance.region, instance and instance.zone),
        "kind": _some(system and system.kind),
        "instance": _some(
            system and system.instance,
            system and system.name,
            event.instance,
            instance and instance.id,
            instance and instance.name,
            evidence and evidence.instance,
            evidence and evidence.hostname,
        ),
    }


def _kinds(alarm: Alarm) -> list[str]:
    """An alarm whose webhook was lost also has the kinds that the webhook would have had."""
    if alarm.event.kind != RECOVERED:
        return [alarm.event.kind]
    of_webhook = ["processing_with_alarms"]
    of_webhook += ["high_severity_alarm"] if alarm.malicious else []
    of_webhook += ["suspicious_severity_event"] if alarm.suspicious else []
    return [RECOVERED, *of_webhook]


def _some(*values: str | object | None) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values if value))


def mismatch(match: MatchConfig | MuteMatch, known: dict[str, list[str]], alarm: Alarm) -> str | None:
    """The first reason why the conditions about an alarm are not met; None if they are."""
    for key, values in known.items():
        wanted: tuple[str, ...] = getattr(match, key)
        if wanted and not _fits(values, wanted, any_case=key in _CASE_INSENSITIVE):
            return _why(key, values, wanted)
    tags = alarm.instance.tags if alarm.instance else {}
    for name, wanted in match.tags.items():
        values = [tags[name]] if name in tags else []
        if not _fits(values, wanted):
            return _why(f"tag {name}", values, wanted)
    return None


def _fits(values: Iterable[str], wanted: Iterable[str], *, any_case: bool = False) -> bool:
    if any_case:
        values, wanted = [value.lower() for value in values], [glob.lower() for glob in wanted]
    return any(fits(value, wanted) for value in values)


def _why(what: str, values: list[str], wanted: Iterable[str]) -> str:
    return f"{what} is {', '.join(values) or 'not known'}, not {' or '.join(wanted)}"
