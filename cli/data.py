"""Finds the data directory and whether it has a database."""

from __future__ import annotations

import os
from pathlib import Path

import click

from shared.config.load import DEFAULT_FILE, is_local
from shared.config.tokens import IN_QUOTES, in_quotes
from shared.hosting.runtime import DATABASE
from shared.storage.ports import StoreError

NAME = ".huntbridge"


def data_directory(given: Path | None, config_path: str | None) -> Path:
    """The given directory, else `.huntbridge` beside the configuration.

    Earlier versions made it in the current folder. It is used if there is none beside the configuration.
    """
    if given is not None:
        if in_quotes(str(given)):
            raise StoreError(f"the name of the data directory {IN_QUOTES}")
        return given
    here, beside = Path(NAME), _folder(config_path) / NAME
    if _same(here, beside):
        return here
    if has_database(here) and not has_database(beside):
        click.echo(
            f"Using {here.absolute()}, which an earlier version made in this folder. It is better beside the "
            f"configuration: stop huntbridge and move it to {beside.absolute()}, or name it with --data or "
            "HUNTBRIDGE_DATA.",
            err=True,
        )
        return here
    return beside


def _folder(config_path: str | None) -> Path:
    name = config_path or os.environ.get("HUNTBRIDGE_CONFIG", "").strip() or DEFAULT_FILE
    return Path(name).parent if is_local(name) else Path()


def _same(first: Path, second: Path) -> bool:
    return first.absolute() == second.absolute() or first.resolve() == second.resolve()


def has_database(data: Path) -> bool:
    """Whether this directory has huntbridge's database. Raises StoreError if it cannot be read."""
    try:
        (data / DATABASE).stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"the data directory {data} cannot be read: {error.strerror}") from None
    return True
