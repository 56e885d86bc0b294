"""`huntbridge coverage`: which systems were captured in the last weeks, and which were not."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Misused
from cli.settings import settings
from cli.stack import on_stack
from cli.uncovered import show_uncovered
from console.views.coverage import (
    every_system,
    is_blind,
    systems_csv,
    techniques_csv,
    title,
    trend_words,
    why_blind,
)
from shared.models.codec import dump
from shared.models.coverage import Outcome
from shared.models.hunts import COVERAGE_DAYS
from shared.phrases import counted, utc_minute
from shared.storage.queries.coverage import SystemCoverage
from shared.text import one_line

_LETTERS = {
    Outcome.MALICIOUS: "M",
    Outcome.SUSPICIOUS: "S",
    Outcome.UNKNOWN: "?",
    Outcome.FAILED: "F",
    Outcome.CLEAN: "+",
    Outcome.NONE: "-",
}


@click.command(short_help="Which systems were captured, and which were not.")
@on_stack
@settings
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, help="The most systems to list."
)
@click.option(
    "--uncovered",
    is_flag=True,
    help="List every running machine of the organization that was not captured for long instead.",
)
@click.option("--techniques", is_flag=True, help="List the ATT&CK techniques that were found instead.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the whole list as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def coverage(
    config_path: str | None,
    data: Path,
    limit: int,
    uncovered: bool,
    techniques: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List the systems of all hunts, the least recently captured first, with the outcome of each of the last
    twelve weeks. Also list the machines that no hunt selects.

    A system that was not captured within 30 days is a blind spot. Each week has a letter, and the present
    week is the last: M malicious, S suspicious, ? not known, F failed, + clean, - not captured.

    --uncovered needs the section coverage in the configuration. Each machine comes with the days since its
    last successful capture and with the reason. An account or region that cannot be read is
    named. Machines there do not count as captured.
    """
    if uncovered and techniques:
        raise Misused("--uncovered and --techniques are two different lists: leave one of them out")
    runtime = reading_runtime(load_config(config_path), data)
    if uncovered:
        show_uncovered(runtime, limit=limit, as_csv=as_csv, as_json=as_json)
        return
    queries = runtime.queries.coverage
    if as_csv:
        click.echo(techniques_csv(runtime) if techniques else systems_csv(runtime), nl=False)
        return
    if techniques:
        trends = queries.techniques()
        if as_json:
            tables.print_json([dump(trend) for trend in trends])
            return
        rows = [
            (trend.id, trend.name, trend.tactic, str(trend.total), trend_words(trend)) for trend in trends
        ]
        if rows:
            tables.show(("Technique", "Name", "Tactic", "Findings", "Trend"), rows, whole=(0,))
        else:
            click.echo("no technique was reported in twelve weeks")
        return
    summary = queries.summary()
    systems = list(islice(every_system(runtime), limit))
    if as_json:
        tables.print_json({"summary": dump(summary), "systems": [dump(row) for row in systems]})
        return
    click.echo(title(summary))
    asked = f"EC2 was asked at {utc_minute(summary.at)}" if summary.at else "EC2 was not asked"
    click.echo(f"{summary.captured:,} of {summary.known:,} known systems in {COVERAGE_DAYS} days; {asked}.")
    for problem in summary.problems:
        click.echo(f"problem: {one_line(problem, 1_000)}")
    if summary.unselected:
        click.echo(f"In no hunt ({counted(summary.unselected_total, 'machine')}):")
        tables.show(
            ("System", "Name", "Account", "Place", "Why"),
            [
                (
                    one_line(each.system.title, 200),
                    one_line(each.name, 60),
                    each.system.account or "own",
                    one_line(each.system.place, 200),
                    one_line(each.why or "no hunt finds it", 300),
                )
                for each in summary.unselected[:limit]
            ],
            whole=(0, 2, 3),
        )
    if systems:
        since = runtime.now() - timedelta(days=COVERAGE_DAYS)
        click.echo("Systems, the least recently captured first:")
        tables.show(
            ("System", "Name", "Account", "Place", "Last captured", "Weeks", "Why not"),
            [_cells(row, why_blind(row) if is_blind(row, since) else "") for row in systems],
            whole=(0, 2, 3, 5),
        )


def _cells(row: SystemCoverage, why: str) -> tuple[str, ...]:
    return (
        one_line(row.system.title, 200),
        one_line(row.name, 60),
        row.system.account or "own",
        one_line(row.system.place, 200),
        utc_minute(row.last_captured_at) or "never",
        "".join(_LETTERS[week.outcome] for week in row.weeks),
        one_line(why, 300),
    )
