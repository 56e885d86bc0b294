"""The options that every command has: the configuration, the data directory, and how much is logged."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cli.data import data_directory
from cli.env_file import environment_file
from cli.exit_codes import exit_codes
from shared.hosting import log


def settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command. The command gets `config_path` and the data directory as `data`."""

    @click.option(
        "--config",
        "config_path",
        metavar="FILE",
        envvar="HUNTBRIDGE_CONFIG",
        help="The configuration [default: huntbridge.yaml if it is there, else the environment alone].",
    )
    @click.option(
        "--data",
        metavar="DIR",
        envvar="HUNTBRIDGE_DATA",
        type=click.Path(readable=False, path_type=Path),
        help="Where the ledger and the queues are [default: .huntbridge beside the configuration].",
    )
    @click.option("-v", "--verbose", is_flag=True, help="Log more on stderr.")
    @functools.wraps(command)
    def with_settings(*args: Any, verbose: bool, data: Path | None, **kwargs: Any) -> Any:
        log.setup("INFO" if verbose else "WARNING", json=False)
        config_path = kwargs["config_path"]
        with exit_codes(), environment_file(config_path):
            return command(*args, data=data_directory(data, config_path), **kwargs)

    return with_settings
