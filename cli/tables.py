"""Prints the results of commands: tables for people, which never cut an identifier, and JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_LEAST = 12  # the fewest characters of a column without identifiers in a narrow terminal


def show(titles: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Collection[int] = ()) -> None:
    """Print a table. The columns `whole` hold identifiers, which are never cut or broken over lines.

    If the output is not a terminal, each row is one line, however long.
    """
    table = Table(*titles)
    for number, column in enumerate(table.columns):
        column.overflow, column.no_wrap = "fold", number in whole
    widths = [cell_len(title) for title in titles]
    for row in rows:
        table.add_row(*map(Text, row))
        widths = [max(width, cell_len(cell)) for width, cell in zip(widths, row, strict=True)]
    console = Console(highlight=False)
    frame = 3 * len(titles) + 1
    if console.is_terminal:
        # The terminal itself breaks a line that is too long, and the line can still be copied in one piece.
        narrow = sum(width if n in whole else min(width, _LEAST) for n, width in enumerate(widths))
        console.width = max(console.width, narrow + frame)
    else:
        table.box = None
        console.width = sum(widths) + frame
    console.print(table)


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))
