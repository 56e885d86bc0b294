"""Where the data directory is, and whether there is anything in it."""

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
    """The directory that is given, else `.huntbridge` beside the configuration. One that earlier versions
    made in the current folder is still used where there is none beside the configuration."""
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


def _same(one: Path, other: Path) -> bool:
    return one.absolute() == other.absolute() or one.resolve() == other.resolve()


def has_database(data: Path) -> bool:
    """Whether huntbridge was ever run with this directory. Raises StoreError where it cannot be looked at."""
    try:
        (data / DATABASE).stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"the data directory {data} cannot be read: {error.strerror}") from None
    return True
