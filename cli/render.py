"""`huntbridge render`: shows the message that an event would become. Sends nothing, and needs no secret."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from cli import tables
from cli.example_files import config_or_placeholder, from_file, read_alarm
from cli.exit_codes import Misused
from cli.settings import settings
from receiver.cases.lifecycle import opening
from receiver.destinations import registry
from receiver.destinations.registry import traits_of
from receiver.events.example import Description
from receiver.events.route import route
from receiver.messages.compose import compose
from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.destinations.registry import DestinationConfig
from shared.config.warnings import warnings

TYPES = tuple(registry.PACKAGES)


@click.command(short_help="What would an event become? Sends nothing.")
@settings
@from_file
@click.option(
    "--to",
    required=True,
    metavar="|".join((*TYPES, "NAME")),
    help="A type of destination, or the name of a configured destination.",
)
def render(
    config_path: str | None,
    data: Path,
    file: BinaryIO | None,
    enrich: bool,
    options: Description,
    to: str,
) -> None:
    """Print the JSON that EVENT.json would be sent as. Sends nothing, and needs no secret.

    EVENT.json is the body of a webhook, an event or an alarm as huntbridge stores it, or the output of this
    command with --to webhook; - is stdin. Options override the file, and can replace it. The alarm is
    shown as the first of its case. With a bot token of Slack, later alarms edit that message. Without
    --enrich nothing is looked up, so the message of an event says little.

    A link to a viewer is printed on stderr. The link to Slack's Block Kit Builder contains the whole message:
    opening it shows the message to Slack.
    """
    config = config_or_placeholder(config_path)
    kind, destination = _destination(config, to)
    alarm = read_alarm(file, options, config, data, enrich=enrich)
    for warning in warnings(config, known_regions()):
        if warning.where.startswith("message."):
            click.echo(f"warning: {warning}", err=True)
    trackers = [name for name, section in config.destinations.items() if traits_of(section).tracks_issues]
    case = opening(alarm, route(alarm, config), trackers, config, datetime.now(UTC))
    message = compose(alarm, config, case=case)
    preview = registry.preview(kind, message, destination)
    tables.print_json(preview.body)
    if preview.viewer:
        click.echo(preview.viewer, err=True)


def _destination(config: Config, to: str) -> tuple[str, DestinationConfig | None]:
    """Type and configuration of the destination of this name, else of the first of this type. Raises
    Misused."""
    if to in config.destinations:
        destination = config.destinations[to]
        return destination.type, destination
    if to not in TYPES:
        names = ", ".join((*TYPES, *config.destinations))
        raise Misused(f"there is no destination {to!r}; write one of {names}")
    return to, next((section for section in config.destinations.values() if section.type == to), None)
