"""`huntbridge route`: where an event would go, and why. Sends nothing."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from cli.assemble import load_config, settings
from cli.events import from_file, read_alarm
from receiver import route as routes
from shared.text import one_line


@click.command(short_help="Where would an event go? Sends nothing.")
@settings
@from_file
@click.option("--explain", is_flag=True, help="Say of each route whether it matches, and why not.")
def route(config_path: str | None, data: Path, file: BinaryIO, enrich: bool, explain: bool) -> None:
    """Print the names of the destinations that EVENT.json would go to, one on each line. Sends nothing.

    EVENT.json is what `huntbridge render` takes. Without --enrich a bare event has no tags and no account,
    and so no route matches by them.
    """
    config = load_config(config_path)
    alarm = read_alarm(file, config, data, enrich=enrich)
    if explain:
        for line in routes.explain(alarm, config):
            click.echo(one_line(line, 1_000), err=True)
    for name in routes.route(alarm, config):
        click.echo(name)
