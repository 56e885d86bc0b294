"""The options of `route` and `render` that describe an alarm, in addition to a file or instead of one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from receiver.events.example import Description
from shared.models.severity import Severity
from shared.models.systems import Kind


def alarm_options(command: Callable[..., Any]) -> Callable[..., Any]:
    @click.option("--event", metavar="KIND", help="The kind of event.")
    @click.option("--severity", metavar="|".join(Severity), help="The severity of the alarm.")
    @click.option("--hunt", metavar="NAME", help="The hunt that the alarm belongs to.")
    @click.option("--project", metavar="ID|NAME", help="The project on the platform.")
    @click.option("--account", metavar="NAME|ID", help="A key of accounts, or twelve digits.")
    @click.option("--region", metavar="REGION", help="The AWS region, zone or location of the system.")
    @click.option("--kind", metavar="|".join(Kind), help="The kind of the system.")
    @click.option("--instance", metavar="ID|NAME", help="The system: its EC2 instance id or its name.")
    @click.option("--tag", metavar="KEY=VALUE", multiple=True, help="A tag of the system; may be repeated.")
    @functools.wraps(command)
    def with_options(*args: Any, **kwargs: Any) -> Any:
        options = Description(**{name: kwargs.pop(name) for name in Description.__dataclass_fields__})
        return command(*args, options=options, **kwargs)

    return with_options
