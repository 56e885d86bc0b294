"""`huntbridge route`: where an event would go, and why. Sends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from cli import tables
from cli.assemble import load_config
from cli.example_files import from_file, read_alarm
from cli.settings import settings
from receiver.events import route as routes
from receiver.events.example import Description
from shared.models.codec import dump
from shared.text import one_line


@click.command(short_help="Where would an event go? Sends nothing.")
@settings
@from_file
@click.option("--explain", is_flag=True, help="Say for each route whether it matches, and why not.")
@click.option("--json", "as_json", is_flag=True, help="Print the destinations and the alarm as JSON.")
def route(
    config_path: str | None,
    data: Path,
    file: BinaryIO | None,
    enrich: bool,
    options: Description,
    explain: bool,
    as_json: bool,
) -> None:
    """Print the names of the destinations that EVENT.json would go to, one on each line. Sends nothing.

    EVENT.json is a file of any kind that `huntbridge render` accepts. Options override what the file says,
    and can replace the file. Without --enrich an event has no tags and no account, so no route matches by
    these.
    """
    config = load_config(config_path)
    alarm = read_alarm(file, options, config, data, enrich=enrich)
    if explain:
        for line in routes.explain(alarm, config):
            click.echo(one_line(line, 1_000), err=True)
    destinations = routes.route(alarm, config)
    if as_json:
        tables.print_json({"destinations": destinations, "alarm": dump(alarm)})
        return
    for name in destinations:
        click.echo(name)
