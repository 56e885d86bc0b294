"""`huntbridge --version`, and with `--json` also what the version runs on and which database it reads."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

import click

from shared.local.layout import FORMAT


def show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Print the version and end the command. `--json` is read before, because it is eager."""
    if not asked or context.resilient_parsing:
        return
    number = version("huntbridge")
    if context.params.get("as_json"):
        facts = {
            "version": number,
            "python": platform.python_version(),
            "system": platform.system(),
            "machine": platform.machine(),
            "database_format": FORMAT,
        }
        click.echo(json.dumps(facts))
    else:
        click.echo(f"huntbridge, version {number}")
    context.exit()


def only_with_version(as_json: bool) -> None:
    """Raises UsageError if `--json` stands before a command, where it would do nothing."""
    if as_json:
        raise click.UsageError("write --json behind the command; before it, it goes with --version only")
