"""`huntbridge route`: where an event would go, and why. Sends nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from cli import tables
from cli.assemble import load_config
from cli.example_files import from_file, read_alarm
from cli.moments import Moment
from cli.settings import settings
from receiver.events import route as routes
from receiver.events.example import Description
from shared.models.codec import dump
from shared.text import one_line


@click.command(short_help="Where would an event go? Sends nothing.")
@settings
@from_file
@click.option("--at", type=Moment(), help="When the event comes: 2026-11-29T22:00+01:00; by default now.")
@click.option("--explain", is_flag=True, help="Say for each route whether it matches, and why not.")
@click.option("--json", "as_json", is_flag=True, help="Print the destinations and the alarm as JSON.")
def route(
    config_path: str | None,
    data: Path,
    file: BinaryIO | None,
    enrich: bool,
    options: Description,
    at: datetime | None,
    explain: bool,
    as_json: bool,
) -> None:
    """Print the names of the destinations that EVENT.json would go to, one on each line. Sends nothing.

    EVENT.json is a file of any kind that `huntbridge render` accepts. Options override the file, and can
    replace it. Without --enrich an event has no tags and no account, so no route matches by these.

    If a route holds the event for a destination, a line on stderr says until when.
    """
    config = load_config(config_path)
    at = at or datetime.now(UTC)
    alarm = read_alarm(file, options, config, data, enrich=enrich)
    if explain:
        for line in routes.explain(alarm, config, at):
            click.echo(one_line(line, 1_000), err=True)
    targets = routes.targets(alarm, config, at)
    if as_json:
        held = {target.name: dump(target.hold) for target in targets if target.hold}
        names = [target.name for target in targets]
        tables.print_json({"destinations": names, "held": held, "alarm": dump(alarm)})
        return
    for target in targets:
        click.echo(target.name)
        if target.hold:
            click.echo(str(target), err=True)
