"""The options of commands that list many rows: how many, from where, and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from shared.storage.queries.pages import MAX_LIMIT

Command = TypeVar("Command", bound=Callable[..., Any])


def paged(command: Command) -> Command:
    """Adds --limit, --page and --json. The command gets `limit`, `page` and `as_json`."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Print the list as JSON."),
        click.option("--page", metavar="TOKEN", default="", help="Go on where an earlier list ended."),
        click.option(
            "--limit",
            type=click.IntRange(1, MAX_LIMIT),
            default=50,
            show_default=True,
            help="The most rows to print.",
        ),
    )
    for option in options:
        command = option(command)
    return command


def more(token: str) -> None:
    """Say how to see the next rows, if there are more."""
    if token:
        click.echo(f"there are more; the same command goes on with --page {token}")
