"""Decides when the destinations of a route are told of an alarm: at once, when the active hours of the route
begin, or when the alarm's hunt has ended.

Active hours are for alarms. What huntbridge says about itself, and what the platform says that is no alarm
and may report a failure, has no hours unless the route names its kind. A malicious alarm is told at once
unless the route has `hold_malicious`, and so is an alarm whose severity is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.config.patterns import fits
from shared.config.routes import RouteConfig
from shared.models.active_hours import ActiveHours
from shared.models.alarms import Alarm
from shared.models.event_kinds import ALARM_KINDS, OWN_KINDS, TEST, UNKNOWN_EVENT
from shared.models.holds import PROJECT, Hold
from shared.models.severity import Severity


@dataclass(frozen=True)
class Target:
    """A destination that an alarm is sent to."""

    name: str
    hold: Hold | None = None  # None: it is told at once

    def __str__(self) -> str:
        return f"{self.name}, {self.hold.words}" if self.hold else self.name


def targets_of(route: RouteConfig, alarm: Alarm, at: datetime | None) -> Iterator[Target]:
    """Where a route that matches the alarm sends it at this time. `at`: None for a time within the hours."""
    hours = route.active.times if route.active and _has_hours(route, alarm) else None
    closed = hours is not None and at is not None and not hours.is_open(at)
    if closed and route.outside.elsewhere:
        yield from map(Target, route.outside.elsewhere)
        return
    hold = None
    if route.digest and _goes_into_table(alarm):
        hold = _until_hunt_ends(alarm, hours)
    if hold is None and closed and hours and at and _may_wait(route, alarm):
        hold = Hold(until=hours.opening(at), hours=hours)
    yield from (Target(name, hold) for name in route.to)


def each_once(targets: Iterable[Target]) -> list[Target]:
    """Each destination once. One that any route tells at once is told at once."""
    found: dict[str, Target] = {}
    for target in targets:
        known = found.setdefault(target.name, target)
        if _earlier(target, known):
            found[target.name] = target
    return list(found.values())


def _earlier(one: Target, other: Target) -> bool:
    if one.hold is None or other.hold is None:
        return one.hold is None and other.hold is not None
    if one.hold.until is None or other.hold.until is None:
        return False  # nobody knows when a hunt ends
    return one.hold.until < other.hold.until


def _has_hours(route: RouteConfig, alarm: Alarm) -> bool:
    """Whether the active hours of the route are for this event."""
    event = alarm.event
    if event.kind == TEST:
        return False
    is_alarm = alarm.severity in (Severity.MALICIOUS, Severity.SUSPICIOUS)
    says_alarms = event.kind in (*ALARM_KINDS, UNKNOWN_EVENT) or event.alarms or event.detection
    is_harmless = alarm.severity is Severity.INFO
    if event.kind not in OWN_KINDS and (is_alarm or says_alarms or is_harmless):
        return True
    return any(pattern != "*" and fits(event.kind, [pattern.lower()]) for pattern in route.match.event)


def _may_wait(route: RouteConfig, alarm: Alarm) -> bool:
    """Whether an event that comes outside the hours may be told when they begin."""
    if route.hold_malicious:
        return True
    event = alarm.event
    if event.kind == UNKNOWN_EVENT or alarm.severity is Severity.MALICIOUS:
        return False
    says_alarms = event.kind in ALARM_KINDS or event.alarms or event.detection
    return not (says_alarms and alarm.severity is Severity.UNKNOWN)


def _goes_into_table(alarm: Alarm) -> bool:
    return alarm.event.kind in ALARM_KINDS and alarm.severity is Severity.SUSPICIOUS


def _until_hunt_ends(alarm: Alarm, hours: ActiveHours | None) -> Hold | None:
    """None if nothing says to which hunt the alarm belongs."""
    if alarm.hunt:
        return Hold(hunt=alarm.hunt.id, attempt=alarm.hunt.attempt, hours=hours)
    project = alarm.project.id if alarm.project else alarm.event.project_id
    hunt = alarm.event.hunt_id or (f"{PROJECT}{project}" if project else "")
    return Hold(hunt=hunt, hours=hours) if hunt else None
