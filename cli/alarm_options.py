"""The options of `route` and `render` that describe an alarm, in addition to a file or instead of one."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import click

from cli.exit_codes import Misused
from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.suggestions import advice, quoted
from shared.models.alarms import Alarm
from shared.models.event_kinds import OWN_KINDS, PLATFORM_KINDS, RECOVERED, UNKNOWN_EVENT
from shared.models.events import Event
from shared.models.evidence import Project
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import Instance, System

_EVENTS = (*PLATFORM_KINDS, *sorted(OWN_KINDS), RECOVERED, UNKNOWN_EVENT)


@dataclass(frozen=True)
class AlarmOptions:
    """The values of the options; None or empty for an option that was not given."""

    event: str | None = None
    severity: str | None = None
    hunt: str | None = None
    project: str | None = None
    account: str | None = None
    region: str | None = None
    instance: str | None = None
    tag: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != AlarmOptions()


def alarm_options(command: Callable[..., Any]) -> Callable[..., Any]:
    @click.option("--event", metavar="KIND", help="The kind of event.")
    @click.option("--severity", metavar="|".join(Severity), help="The severity of the alarm.")
    @click.option("--hunt", metavar="NAME", help="The hunt that the alarm belongs to.")
    @click.option("--project", metavar="ID|NAME", help="The project on the platform.")
    @click.option("--account", metavar="NAME|ID", help="A key of accounts, or twelve digits.")
    @click.option("--region", metavar="REGION", help="The AWS region of the system.")
    @click.option("--instance", metavar="ID|NAME", help="The system: its EC2 instance id or its tag Name.")
    @click.option("--tag", metavar="KEY=VALUE", multiple=True, help="A tag of the system; may be repeated.")
    @functools.wraps(command)
    def with_options(*args: Any, **kwargs: Any) -> Any:
        options = AlarmOptions(**{name: kwargs.pop(name) for name in AlarmOptions.__dataclass_fields__})
        return command(*args, options=options, **kwargs)

    return with_options


def minimal_alarm() -> Alarm:
    """The alarm that options alone describe, before they are applied."""
    event = Event("rendered", "processing_with_alarms", datetime.now(UTC))
    return Alarm(event, Severity.UNKNOWN)


def apply(options: AlarmOptions, alarm: Alarm, config: Config) -> Alarm:
    """The alarm with the values of the options in place of its own. Raises Misused."""
    if options.event is not None:
        kind = _one_of(options.event.lower(), _EVENTS, "event")
        alarm = replace(alarm, event=replace(alarm.event, kind=kind))
    if options.severity is not None:
        severity = _one_of(options.severity.lower(), list(Severity), "severity")
        alarm = replace(alarm, severity=Severity(severity))
    if options.hunt is not None:
        if not (config.guardduty and options.hunt.startswith("guardduty-")):
            _one_of(options.hunt, config.hunts, "hunt")
        at = alarm.hunt.scheduled_at if alarm.hunt else alarm.event.received_at
        alarm = replace(alarm, hunt=Hunt(options.hunt, at))
    if options.project is not None:
        alarm = _with_project(options.project, alarm)
    if options.account or options.region or options.instance or options.tag:
        alarm = _with_system(options, alarm, config)
    return alarm


def _one_of(word: str, choices: Any, what: str) -> str:
    if word not in choices:
        raise Misused(f"there is no {what} {quoted(word)}{advice(word, choices)}")
    return word


def _with_project(project: str, alarm: Alarm) -> Alarm:
    if not project.isdecimal():
        return replace(alarm, project=Project(alarm.event.project_id or 0, project))
    event = replace(alarm.event, project_id=int(project[:10]))
    return replace(alarm, event=event, project=None)


def _with_system(options: AlarmOptions, alarm: Alarm, config: Config) -> Alarm:
    instance = alarm.instance or Instance("", "")
    account = alarm.system.account if alarm.system else ""
    if options.region is not None:
        regions = known_regions() | set(config.extra_regions)
        instance = replace(instance, region=_one_of(options.region, regions, "region"))
    if options.account is not None:
        if re.fullmatch(r"[0-9]{12}", options.account):
            instance = replace(instance, account_id=options.account)
            account = config.account_name(options.account)
        else:
            account = _one_of(options.account, config.accounts, "account")
            instance = replace(instance, account_id=config.accounts[account].id or "")
    if options.instance is not None:
        is_id = re.fullmatch(r"i-[0-9a-f]+", options.instance)
        instance = (
            replace(instance, id=options.instance) if is_id else replace(instance, name=options.instance)
        )
    tags = dict(instance.tags) | dict(map(_tag, options.tag))
    instance = replace(instance, tags=tags)
    return replace(alarm, instance=instance, system=System(instance.id, instance.region, account))


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Misused(f"--tag {quoted(text)} is no tag; write it as KEY=VALUE")
    return key, value
