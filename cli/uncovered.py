"""`huntbridge coverage --uncovered`: every running machine of the organization that was not captured for
long, and every account and region that could not be read."""

from __future__ import annotations

from itertools import islice

import click

from cli import tables
from cli.exit_codes import Misused
from console.views.uncovered import uncovered_csv
from shared.hosting.runtime import Runtime
from shared.models.codec import dump
from shared.models.fleet_coverage import OrganizationCoverage
from shared.phrases import counted
from shared.storage.queries.fleet import Uncovered, place_in_words, reasons_in_words, share_in_words
from shared.text import one_line


def show_uncovered(runtime: Runtime, *, limit: int, as_csv: bool, as_json: bool) -> None:
    """Raises Misused and StoreError."""
    coverage = runtime.queries.fleet.coverage()
    if coverage is None:
        raise Misused(
            "the organization was not looked at yet: the timer does that once a day"
            if runtime.config.coverage
            else "the configuration has no coverage; write coverage: {accounts: all, regions: all}"
        )
    if as_csv:
        click.echo(uncovered_csv(runtime), nl=False)
        return
    machines = list(islice(runtime.queries.fleet.every_uncovered(), limit))
    if as_json:
        tables.print_json({"organization": dump(coverage), "machines": [dump(each) for each in machines]})
        return
    _show(coverage, machines)


def _show(coverage: OrganizationCoverage, machines: list[Uncovered]) -> None:
    click.echo(f"{share_in_words(coverage)} ({coverage.day})")
    if coverage.too_old:
        click.echo(
            f"{counted(coverage.too_old, 'machine')} not captured for more than {coverage.max_age_days} days"
        )
    if coverage.unknown_total:
        click.echo(f"Not known ({counted(coverage.unknown_total, 'place')}), and not counted:")
        rows = [
            (place_in_words(place), place.unread.value, str(place.before or ""), one_line(place.why, 300))
            for place in coverage.unknown
        ]
        tables.show(("Where", "Why", "Ran there before", "Detail"), rows, whole=(0,))
    if coverage.reasons:
        click.echo("Not captured, by reason:")
        for reason, count in reasons_in_words(coverage):
            click.echo(f"  {count:>7,}  {reason}")
    if coverage.others:
        click.echo(
            f"Of other kinds, hunts know {counted(coverage.others, 'system')}, of which "
            f"{coverage.others_captured:,} were captured; whether the others still run is not known."
        )
    if machines:
        total = coverage.running - coverage.captured
        shown = f" (the first {len(machines):,} of {total:,})" if len(machines) < total else ""
        click.echo(f"Machines{shown}:")
        titles = ("Instance", "Name", "Account", "Region", "Days", "Why")
        tables.show(titles, [_cells(machine) for machine in machines], whole=(0, 2, 3))


def _cells(machine: Uncovered) -> tuple[str, ...]:
    return (
        machine.system.instance,
        one_line(machine.name, 60),
        machine.system.account or "own",
        machine.system.region,
        "never" if machine.days is None else str(machine.days),
        one_line(machine.why, 300),
    )
