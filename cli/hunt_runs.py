"""`huntbridge hunt stop`, `report` and `list`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli import runs, tables
from cli.assemble import load_config, reading_runtime, runtime_of
from cli.exit_codes import Failed, Misused
from cli.operator import person_here
from cli.settings import settings
from cli.stack import on_stack
from console.views.hunt_runs import RunRow, run_row
from scheduler import by_hand, custody
from scheduler.report import report
from shared.config.cloud_targets import SelectingTarget
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models.codec import dump
from shared.models.hunts import Hunt
from shared.storage.queries.pages import MAX_LIMIT
from shared.text import one_line


@click.command("stop", short_help="Stop a run.")
@on_stack
@settings
@click.argument("name", metavar="RUN")
@click.option("--cancel", is_flag=True, help="Cancel the captures that the platform has begun.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def stop_run(config_path: str | None, data: Path, name: str, cancel: bool, as_json: bool) -> None:
    """Stop RUN: request no more captures.

    RUN is a run such as weekly@2027-01-31T02:00:00Z, or the name of a hunt for its last run that has not
    ended. A unique beginning of either is enough.

    Captures that the platform has begun continue to their end, unless --cancel cancels them. A `serve` on the
    same data directory may be running. Exit code 1 if something could not be cancelled.
    """
    runtime = runtime_of(load_config(config_path), data, write=True)
    hunt = runs.the_run(runtime, name, prefer_open=True)
    try:
        stopped = by_hand.stop(runtime, hunt, person_here(runtime), cancel=cancel)
    except by_hand.NotPossible as error:
        raise Failed(str(error)) from None
    counts = {
        "not_asked": stopped.not_asked,
        "cancelled": stopped.cancelled,
        "going_on": stopped.going_on,
    }
    if as_json:
        tables.print_json(
            {"id": hunt.id, "state": stopped.hunt.state, **counts, "problems": list(stopped.problems)}
        )
    else:
        click.echo(
            f"hunt {hunt.id} is stopped: {stopped.not_asked} of its captures will not be asked for, "
            f"{stopped.cancelled} were cancelled, and {stopped.going_on} go on at the platform"
        )
    for problem in stopped.problems:
        click.echo(problem, err=True)
    if stopped.problems:
        raise click.exceptions.Exit(1)


@click.command("report", short_help="The chain of custody of a run.")
@on_stack
@settings
@click.argument("name", metavar="HUNT")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "json", "csv"]),
    default="md",
    show_default=True,
    help="A page for people, all data as JSON, or one line for each preserved disk.",
)
def report_of(config_path: str | None, data: Path, name: str, form: str) -> None:
    """Print the chain of custody of HUNT.

    HUNT is a run such as weekly@2027-01-31T02:00:00Z, or the name of a hunt for its last run. A unique
    beginning of either is enough.

    The report says who requested the run and when, and by which definition. It lists each capture with its
    pipelines and evidence, and the hashes and paths of the preserved disks. All data comes from the ledger;
    the platform is not called.
    """
    runtime = runtime_of(load_config(config_path), data)
    run = runs.the_run(runtime, name)
    captures = runtime.ledger.captures.of_hunt(run.id)
    summary = report(runtime.ledger, run, captures, run.reason, run.finished_at or runtime.now())
    names = {c.system.instance: runtime.ledger.instance_names.get(c.system.instance) for c in captures}
    if form == "json":
        click.echo(custody.as_json(run, summary, captures), nl=False)
    elif form == "csv":
        click.echo(custody.as_csv(run, captures, names), nl=False)
    else:
        url = runtime.config.platform.url
        click.echo(custody.as_markdown(run, summary, captures, names, runtime.now(), url))


@click.command("list", short_help="The hunts, and how each run went.")
@on_stack
@settings
@click.argument("name", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="The most runs to show."
)
@click.option("--all", "every", is_flag=True, help="Print every recorded run, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_hunts(
    config_path: str | None, data: Path, name: str | None, limit: int, every: bool, as_json: bool
) -> None:
    """List the hunts of the configuration and their runs, the newest first. With NAME only that hunt.

    Times are in UTC. Pass the id of a run to `hunt show`, `hunt report` and `hunt stop`.
    """
    config = load_config(config_path)
    runtime = reading_runtime(config, data)
    if every:
        _list_every_run(runtime, name or "", as_json)
        return
    known = runs.recorded_names(runtime, config)
    if name is not None and name not in known:
        raise Misused(f"there is no hunt {name!r}; there are: {', '.join(known) or 'none'}")
    names = [name] if name is not None else known
    newest = runs.newest(runtime, names, limit)
    if as_json:
        tables.print_json([_row(name, config, runtime.now(), newest) for name in names])
        return
    if not names:
        click.echo("the configuration has no hunts, and none was ever run")
        return
    keys = ("name", "systems", "capture", "next")
    titles = ("Hunt", "Systems", "Capture", "Next run")
    rows = [_row(name, config, runtime.now(), newest) for name in names]
    tables.show(titles, [[str(row[key] or "-") for key in keys] for row in rows], whole=(0,))
    if not newest:
        click.echo("No run is recorded yet.")
        return
    click.echo()
    tables.show(
        ("Run", "State", "Captured", "Failed", "With alarms", "Project", "Reason"),
        [
            (
                run.hunt.id,
                run.state,
                f"{run.captured} of {run.systems}",
                str(run.failed),
                str(run.with_alarms),
                str(run.hunt.project_id or "-"),
                one_line(run.hunt.reason, 300),
            )
            for run in newest
        ],
        whole=(0,),
    )


def _list_every_run(runtime: Runtime, name: str, as_json: bool) -> None:
    found: list[Hunt] = []
    page = ""
    while True:
        rows = runtime.queries.hunts.runs(name=name, limit=MAX_LIMIT, page=page)
        found += rows.rows
        page = rows.next
        if not page:
            break
    listed = [run_row(hunt, runtime.config, runtime.now()) for hunt in found]
    if as_json:
        tables.print_json([dump(run) for run in listed])
    elif not listed:
        click.echo(f"no run of {name} is recorded" if name else "no run is recorded yet")
    else:
        tables.show(
            ("Run", "State", "Captured", "Failed", "With alarms", "Project", "Reason"),
            [_cells(run) for run in listed],
            whole=(0,),
        )


def _cells(run: RunRow) -> tuple[str, ...]:
    totals = run.totals
    return (
        run.id,
        run.state,
        f"{totals.captured if totals else '-'} of {run.systems}",
        str(totals.failed if totals else "-"),
        str(totals.with_alarms if totals else "-"),
        str(run.project_id or "-"),
        one_line(run.reason, 300),
    )


def _row(name: str, config: Config, now: datetime, newest: list[runs.RunResult]) -> dict[str, Any]:
    definition = config.hunts.get(name)
    calendar = definition.calendar if definition else None
    due = calendar.next_after(now) if calendar else None
    never = definition is not None and definition.never_runs(now)
    after = f"after {definition.after.hunt}" if definition and definition.after else None
    looks_up = definition is not None and (
        definition.selects or any(isinstance(target, SelectingTarget) for target in definition.targets)
    )
    own = [run.as_json() for run in newest if run.hunt.name == name]
    return {
        "name": name,
        "configured": definition is not None,
        # Only a look-up in AWS or on the platform shows which systems the targets find.
        "systems": len(definition.named_systems) if definition and not looks_up else None,
        "capture": definition.capture if definition else "not in the configuration",
        "next": runs.in_utc(due) if due else "never" if never else after,
        "last": own[0]["scheduled_at"] if own else None,
        "state": own[0]["state"] if own else None,
        "runs": own,
    }
