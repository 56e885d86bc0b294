"""What the page about rules says: the routes in their order, and where an alarm would go and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from receiver.events import route_tests
from receiver.events.example import (
    KINDS,
    MAX_BYTES,
    Description,
    NotUsable,
    apply,
    minimal_alarm,
    recognise,
    without_facts,
)
from receiver.events.hold import Target
from receiver.events.route import Step, steps, targets
from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.route_warnings import route_warnings, unreachable_routes
from shared.config.routes import MatchConfig, RouteConfig
from shared.models.alarms import Alarm
from shared.models.holds import local_minute
from shared.models.severity import Severity
from shared.phrases import counted

_MOST_TAGS = 50


@dataclass(frozen=True)
class RouteRow:
    number: int
    conditions: tuple[str, ...]  # empty: every alarm matches
    to: tuple[str, ...]
    go_on: bool
    hidden_by: int | None  # the number of a route above that takes all its alarms
    warnings: tuple[str, ...]
    hours: HoursRow | None  # None: it has none
    per_hunt: bool  # the suspicious alarms of a hunt are one message


@dataclass(frozen=True)
class HoursRow:
    """The active hours of a route."""

    words: str  # such as "Mon-Fri 08:00-18:00 Europe/Berlin"
    is_open: bool
    change: str  # when they end or begin, in their own time zone
    outside: str  # what happens to alarms outside them


@dataclass(frozen=True)
class Tried:
    """Where an alarm would go."""

    to: tuple[Target, ...]
    steps: tuple[Step, ...]
    about: str  # the alarm in a few words
    failing: Mapping[str, str]  # the destinations that do not work at present, and since when


@dataclass(frozen=True)
class RulesView:
    title: str
    routes: tuple[RouteRow, ...]
    default: tuple[str, ...]
    destinations: Mapping[str, str]  # name and type
    kinds: tuple[str, ...] = KINDS
    severities: tuple[str, ...] = tuple(Severity)
    hunts: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    tests: tuple[route_tests.Tried, ...] = ()  # the tests of the configuration, those that fail first


def rules_view(config: Config, now: datetime) -> RulesView:
    hidden = unreachable_routes(config)
    warnings: dict[int, list[str]] = {}
    for where, text in route_warnings(config, known_regions()):
        if where.startswith("routes[") and not text.startswith("no alarm reaches"):  # see `hidden_by`
            number = int(where.removeprefix("routes[").partition("]")[0])
            warnings.setdefault(number, []).append(text)
    rows = tuple(
        RouteRow(
            number=number + 1,
            conditions=tuple(conditions(rule.match)),
            to=rule.to,
            go_on=rule.go_on,
            hidden_by=hidden[number] + 1 if number in hidden else None,
            warnings=tuple(warnings.get(number, ())),
            hours=_hours(rule, now),
            per_hunt=rule.digest is not None,
        )
        for number, rule in enumerate(config.routes)
    )
    return RulesView(
        title=_title(config, len(hidden)),
        routes=rows,
        default=config.default,
        destinations={name: section.type for name, section in config.destinations.items()},
        hunts=tuple(config.hunts),
        accounts=tuple(config.accounts),
        tests=tuple(sorted(route_tests.run(config), key=lambda test: test.passed)),
    )


def _hours(rule: RouteConfig, now: datetime) -> HoursRow | None:
    if rule.active is None:
        return None
    hours = rule.active.times
    change = hours.closing(now) or hours.opening(now)
    elsewhere = rule.outside.elsewhere
    held = "all alarms are held" if rule.hold_malicious else "alarms that are not malicious are held"
    return HoursRow(
        words=str(hours),
        is_open=hours.is_open(now),
        change=local_minute(change, hours.timezone),
        outside=f"alarms go to {', '.join(elsewhere)}" if elsewhere else held,
    )


def _title(config: Config, hidden: int) -> str:
    if not config.destinations:
        return "No destination is configured: no alarm reaches anybody"
    to = counted(len(config.destinations), "destination")
    if not config.routes:
        return f"Every alarm goes to {', '.join(config.default) or 'every destination'}"
    routes = (
        f"{counted(len(config.routes), 'route')} {'leads' if len(config.routes) == 1 else 'lead'} to {to}"
    )
    return routes + (f"; {hidden} can never match" if hidden else "")


def conditions(match: MatchConfig) -> list[str]:
    """The conditions of a route in words; all must be met."""
    words = []
    for key in ("event", "severity", "hunt", "project", "account", "region", "kind", "instance"):
        if values := getattr(match, key):
            words.append(f"{key} is {_any_of(values)}")
    words += [f"tag {name} is {_any_of(values)}" for name, values in match.tags.items()]
    return words


def _any_of(values: tuple[str, ...]) -> str:
    texts = [str(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def tried(config: Config, form: Mapping[str, str], failing: Mapping[str, str], now: datetime) -> Tried:
    """Where the alarm that the form describes would go if it came now. The alarm is the one that is pasted in
    `json`. The other fields replace its values. Raises NotUsable."""
    alarm = _pasted(form.get("json", ""), config)
    alarm = apply(_description(form), alarm, config)
    found, trace = tuple(targets(alarm, config, now)), tuple(steps(alarm, config, now))
    return Tried(found, trace, _about(alarm), failing)


def _pasted(text: str, config: Config) -> Alarm:
    body = text.strip().encode("utf-8", "surrogatepass")
    if len(body) > MAX_BYTES:
        raise NotUsable("the text is larger than 1 MiB: this is no event")
    if not body:
        return minimal_alarm()
    content = recognise(body)
    return content if isinstance(content, Alarm) else without_facts(content, config)


def _description(form: Mapping[str, str]) -> Description:
    def said(key: str) -> str | None:
        return form.get(key, "").strip() or None

    tags = [tag.strip() for tag in form.get("tags", "").replace("\n", ",").split(",") if tag.strip()]
    return Description(
        event=said("event"),
        severity=said("severity"),
        hunt=said("hunt"),
        project=said("project"),
        account=said("account"),
        region=said("region"),
        kind=said("kind"),
        instance=said("instance"),
        tag=tuple(tags[:_MOST_TAGS]),
    )


def _about(alarm: Alarm) -> str:
    parts = [alarm.event.kind, f"severity {alarm.severity.value}"]
    parts += [f"hunt {alarm.hunt.name}"] if alarm.hunt else []
    if alarm.instance and (alarm.instance.name or alarm.instance.id):
        parts.append(f"on {alarm.instance.name or alarm.instance.id}")
    return ", ".join(parts)
