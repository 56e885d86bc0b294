"""`huntbridge downgrade`: the data of this machine as the previous version reads it."""

from __future__ import annotations

from pathlib import Path

import click

from cli.assemble import load_config, local_runtime, nothing_there
from cli.data import has_database
from cli.exit_codes import DataUnusable
from cli.settings import settings
from shared.hosting.runtime import DATABASE
from shared.local.data_directory import AlreadyServed, sole_server
from shared.local.earlier_format import write_earlier
from shared.local.inbox import FOLDER


@click.command(short_help="Write the data for the previous version.")
@settings
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def downgrade(config_path: str | None, data: Path, file: Path) -> None:
    """Write all data of this machine into FILE as version 0.1.0 reads it. Stop `serve` first.

    The data directory stays as it is. docs/operate/upgrade.md says how to go on with the earlier version.
    """
    config = load_config(config_path)
    if not has_database(data):
        raise nothing_there(data)
    try:
        with sole_server(data):
            local_runtime(config, data)  # which brings an earlier format up to date
            write_earlier(data / DATABASE, data / FOLDER, file.absolute())
    except AlreadyServed:
        raise DataUnusable(f"huntbridge serves {data.absolute()}: stop it first") from None
    click.echo(f"{file.absolute()} holds all data, for huntbridge 0.1.0")
