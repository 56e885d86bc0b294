"""`huntbridge audit`: prints the audit log."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, runtime_of
from cli.settings import settings
from cli.stack import on_stack
from shared.models.codec import dump
from shared.storage import audit as log
from shared.text import one_line


@click.command(short_help="Show who did what, when and from where.")
@on_stack
@settings
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="The most entries to print."
)
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
def audit(config_path: str | None, data: Path, limit: int, as_json: bool) -> None:
    """Print the audit log, newest first.

    It records the person behind each decision about a case, a mute or a known-good entry. It also records who
    sent an event again, who put back or discarded dead items, and who started or stopped a hunt. Changes of
    the configuration that `serve` loaded are in it too. With --stack it is read from the table of that stack
    on AWS.
    """
    runtime = runtime_of(load_config(config_path), data)
    entries = list(islice(log.newest(runtime.store, runtime.now()), limit))
    if as_json:
        tables.print_json([dump(entry) for entry in entries])
        return
    if not entries:
        click.echo("the audit log has no entries")
    for entry in entries:
        what = f"{entry.action}: {entry.about}, by {entry.by} from {entry.origin}"
        click.echo(f"{entry.at:%Y-%m-%d %H:%M:%S} UTC  {one_line(what, 1_000)}")
        for key in dict.fromkeys((*entry.before, *entry.after)):
            values = [_shown(side.get(key)) for side in (entry.before, entry.after)]
            change = values[1] if entry.before.get(key) is None else " → ".join(values)
            click.echo(f"    {one_line(key)}: {one_line(change, 1_000)}")


def _shown(value: object) -> str:
    """A value as text. Settings are stored as JSON text already."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
