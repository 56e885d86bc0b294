"""`huntbridge render`: shows the message that an event would become. Sends nothing, and needs no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import click

from cli import tables
from cli.alarm_options import AlarmOptions
from cli.events import config_or_placeholder, from_file, read_alarm
from cli.exit_codes import Misused
from cli.settings import settings
from receiver.cases.lifecycle import opening
from receiver.events.route import route
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.registry import DestinationConfig
from shared.config.destinations.slack import SlackConfig
from shared.config.warnings import warnings
from shared.http.client import Http
from shared.secrets import Secret

TYPES = ("slack", "teams", "jira", "webhook")
_JIRA = {"type": "jira", "url": "https://jira.example", "project": "PROJECT", "email": "e@jira.example"}
_BLOCK_KIT = "https://app.slack.com/block-kit-builder/#"
_DESIGNER = "https://adaptivecards.io/designer/"


@click.command(short_help="What would an event become? Sends nothing.")
@settings
@from_file
@click.option(
    "--to",
    required=True,
    metavar="slack|teams|jira|webhook|NAME",
    help="A type of destination, or the name of a configured destination.",
)
def render(
    config_path: str | None,
    data: Path,
    file: BinaryIO | None,
    enrich: bool,
    options: AlarmOptions,
    to: str,
) -> None:
    """Print the JSON that EVENT.json would be sent as. Sends nothing, and needs no secret.

    EVENT.json is the body of a webhook, an event or an alarm as huntbridge stores it, or the output of this
    command with --to webhook; - is stdin. Options override what the file says, and can replace the file.
    The alarm is shown as the first of its case. With a bot token of Slack, later alarms edit that message.
    Without --enrich nothing is looked up, so the message of an event says little.

    A link to a viewer is printed on stderr. The link to Slack's Block Kit Builder contains the whole message:
    opening it shows the message to Slack.
    """
    config = config_or_placeholder(config_path)
    kind, destination = _destination(config, to)
    alarm = read_alarm(file, options, config, data, enrich=enrich)
    for warning in warnings(config, known_regions()):
        if warning.where.startswith("message."):
            click.echo(f"warning: {warning}", err=True)
    trackers = [name for name, section in config.destinations.items() if isinstance(section, JiraConfig)]
    message = compose(alarm, config, case=opening(alarm, route(alarm, config), trackers))
    body = _body(kind, destination, message)
    tables.print_json(body)
    if kind == "slack":
        blocks = json.dumps({"blocks": body["blocks"]}, ensure_ascii=False, separators=(",", ":"))
        click.echo(f"Block Kit Builder: {_BLOCK_KIT}{quote(blocks, safe='')}", err=True)
    elif kind == "teams":
        click.echo(f"Card designer: {_DESIGNER} (paste the card: attachments[0].content)", err=True)


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


def _body(kind: str, destination: DestinationConfig | None, message: Message) -> Any:
    # Only the destination that is shown is imported: slack-sdk alone takes 80 ms.
    if kind == "slack":
        from receiver.destinations.slack import webhook as slack

        if isinstance(destination, SlackConfig) and destination.token:
            body = slack.payload(message, buttons=bool(destination.signing_secret))
            return {"channel": destination.channel, **body}
        return slack.payload(message)
    if kind == "teams":
        from receiver.destinations.teams import destination as teams

        return json.loads(teams.payload(message))
    if kind == "webhook":
        from receiver.destinations.webhook import schema as envelope

        return json.loads(envelope.payload(message))
    from receiver.destinations.jira.destination import JiraDestination

    config = destination if isinstance(destination, JiraConfig) else JiraConfig.model_validate(_JIRA)
    cloud = config.api == "cloud" or (config.api == "auto" and config.token is None)
    return JiraDestination("jira", config, Http(), Secret("none")).issue(message, cloud=cloud)
