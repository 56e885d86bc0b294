"""Warnings about active hours: times at which nobody is told of malicious alarms, and keys without effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.config.config import Config
from shared.config.patterns import fits
from shared.config.routes import RouteConfig, takes_all_of
from shared.models.active_hours import ActiveHours
from shared.models.event_kinds import ALARM_KINDS
from shared.models.severity import Severity

_WEEK_FROM = datetime(2026, 1, 5, tzinfo=UTC)  # a week like most others: no clocks change
_WEEK = timedelta(days=8)


def hours_warnings(config: Config, unreachable: Collection[int]) -> Iterator[tuple[str, str]]:
    """Yields the place in the configuration and the warning. `unreachable`: routes that no alarm reaches."""
    held: dict[str, int] = {}
    for number, route in enumerate(config.routes):
        where = f"routes[{number}]"
        if route.digest and not _may_take(route, Severity.SUSPICIOUS):
            yield f"{where}.digest", "has no effect: the route takes no suspicious alarms"
        if route.hold_malicious and not _may_take(route, Severity.MALICIOUS):
            yield f"{where}.hold_malicious", "has no effect: the route takes no malicious alarms"
        elif route.hold_malicious and number not in unreachable:
            held |= {name: number for name in route.to if name not in held}
            if when := _nobody_is_told(config.routes, number):
                yield (
                    f"{where}.hold_malicious",
                    f"malicious alarms of this route reach nobody on {when}: let another route send "
                    "them at once, with continue: true, or remove hold_malicious",
                )
    reminded = [("reminders.to", config.reminders.to)] if config.reminders else []
    reminded += [(f"escalate[{number}].to", step.to) for number, step in enumerate(config.escalate)]
    for where, names in reminded:
        if names and all(name in held for name in names):
            yield (
                where,
                f"names only destinations for which routes hold malicious alarms, such as {names[0]}: they "
                "get nothing about a case that is held for them",
            )


def _may_take(route: RouteConfig, severity: Severity) -> bool:
    match = route.match
    kinds = [kind.lower() for kind in match.event]
    return (not match.severity or severity in match.severity) and (
        not kinds or any(fits(kind, kinds) for kind in ALARM_KINDS) or "unknown" in kinds
    )


def _nobody_is_told(routes: Sequence[RouteConfig], number: int) -> str:
    """A time of the week at which every route that takes all alarms of this one holds the malicious ones;
    empty if there is none."""
    route = routes[number]
    above = [other for other in routes[:number] if other.go_on]
    below = routes[number + 1 :] if route.go_on else ()
    others = [other for other in (*above, *below) if takes_all_of(other.match, route.match)]
    hours = [each.active.times for each in (route, *others) if each.active and each.hold_malicious]
    if len(hours) <= len(others):  # one of them tells malicious alarms at any time
        return ""
    for each in hours:
        for closing in _closings(each):
            if not any(other.is_open(closing) for other in hours):
                return f"{closing.astimezone(ZoneInfo(each.timezone)):%a %H:%M} {each.timezone}"
    return ""


def _closings(hours: ActiveHours) -> Iterator[datetime]:
    """When the hours end within a week."""
    moment = _WEEK_FROM
    while moment < _WEEK_FROM + _WEEK:
        closing = hours.closing(hours.opening(moment))
        if closing is None or closing <= moment:
            return
        yield closing
        moment = closing
