"""`huntbridge audit`: who did what, when and from where."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import click

from cli.assemble import load_config, runtime_of
from cli.settings import settings
from cli.stack import on_stack
from shared.models.codec import dump
from shared.storage import audit as log
from shared.text import one_line


@click.command(short_help="Who did what, when and from where.")
@on_stack
@settings
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many entries, at most."
)
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
def audit(config_path: str | None, data: Path, limit: int, as_json: bool) -> None:
    """The audit log, newest first: cases that were taken, dead items that were put back, hunts that were
    started or stopped by a person, and changes of the configuration that `serve` loaded.

    With --stack the table of that stack on AWS is meant.
    """
    runtime = runtime_of(load_config(config_path), data)
    entries = list(islice(log.newest(runtime.store, runtime.now()), limit))
    if as_json:
        click.echo(json.dumps([dump(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    if not entries:
        click.echo("the audit log has no entries")
    for entry in entries:
        what = f"{entry.action}: {entry.about}, by {entry.by} from {entry.origin}"
        click.echo(f"{entry.at:%Y-%m-%d %H:%M:%S} UTC  {one_line(what, 1_000)}")
        for key in dict.fromkeys((*entry.before, *entry.after)):
            values = [_shown(one.get(key)) for one in (entry.before, entry.after)]
            change = values[1] if entry.before.get(key) is None else " → ".join(values)
            click.echo(f"    {one_line(key)}: {one_line(change, 1_000)}")


def _shown(value: object) -> str:
    """A value in the log; a setting is JSON already."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
