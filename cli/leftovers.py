"""`huntbridge leftovers`: what the platform left behind in AWS, and how to delete it."""

from __future__ import annotations

from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, reading_runtime
from cli.settings import settings
from cli.stack import on_stack
from scheduler.look_for_leftovers import look
from shared.models.codec import dump
from shared.models.cost import dollars
from shared.models.leftovers import LeftBehind, Leftover
from shared.phrases import counted, utc_day
from shared.text import one_line

_BUDGET = 180.0  # seconds for all calls
_TITLES = ("What", "Id", "Account", "Region", "Made", "Size", "A month", "Command")


@click.command(short_help="What the platform left behind in AWS.")
@on_stack
@settings
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="The most things to list."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def leftovers(config_path: str | None, data: Path, limit: int, as_json: bool) -> None:
    """List the snapshots, volumes, KMS keys and workers that carry the platform's marks and that no capture
    needs any more, the most expensive first, with the command that deletes each.

    The list leaves out things that are younger than 12 hours, that AWS is still making, or that a running
    capture may use. The command deletes nothing. Exit code 0 if everything could be read, 1 if something
    could not.
    """
    runtime = reading_runtime(load_config(config_path), data)
    found = look(runtime, budget=_BUDGET)
    if as_json:
        tables.print_json(dump(found))
    else:
        _show(found, limit)
    if found.problems:
        raise click.exceptions.Exit(1)


def _show(found: LeftBehind, limit: int) -> None:
    click.echo(headline(found))
    if found.found:
        tables.show(_TITLES, [_cells(one) for one in found.found[:limit]], whole=(1, 2, 3, 7))
    if (more := found.total - min(limit, len(found.found))) > 0:
        click.echo(f"and {more:,} more")
    for problem in found.problems:
        click.echo(f"problem: {one_line(problem, 1_000)}")


def headline(found: LeftBehind) -> str:
    where = f" in {counted(found.places, 'region')} of all accounts" if found.places else ""
    used = f"; {found.in_use:,} with its marks may be in use" if found.in_use else ""
    if not found.total:
        return f"The platform left nothing behind{where}{used}."
    month = f", up to {dollars(found.usd_a_month)} a month" if found.usd_a_month else ""
    return f"The platform left {counted(found.total, 'thing')} behind{where}{month}{used}."


def _cells(one: Leftover) -> tuple[str, ...]:
    what = one.what
    return (
        what.sort.value,
        what.id,
        what.account or "own",
        what.region,
        utc_day(what.made_at),
        f"{what.gib:,.0f} GiB" if what.gib is not None else "",
        dollars(one.usd_a_month) if one.usd_a_month is not None else "not known",
        one.command or one.note,
    )
