"""The options of commands that list many rows: how many, from where, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from cli import tables
from cli.exit_codes import Misused
from shared.models.codec import dump
from shared.storage.queries.pages import MAX_LIMIT, BadToken, Rows

Row = TypeVar("Row")
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


@contextmanager
def page_token() -> Iterator[None]:
    """Report a wrong --page as a mistake in the command. Raises Misused."""
    try:
        yield
    except BadToken as error:
        raise Misused(f"--page: {error}") from None


def print_rows(
    rows: Rows[Row],
    name: str,
    titles: Sequence[str],
    cells: Callable[[Row], Sequence[str]],
    *,
    whole: Collection[int],
    as_json: bool,
    empty: str,
) -> None:
    """Print one page as a table, or as JSON with the rows under `name`. `empty` is printed if there are no
    rows. `whole`: see `tables.show`."""
    if as_json:
        tables.print_json({name: [dump(row) for row in rows.rows], "next": rows.next})
        return
    if rows.rows:
        tables.show(titles, map(cells, rows.rows), whole=whole)
    else:
        click.echo(empty)
    more(rows.next)


def more(token: str) -> None:
    """Say how to see the next rows, if there are more."""
    if token:
        click.echo(f"there are more; the same command goes on with --page {token}")
