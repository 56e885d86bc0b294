"""`huntbridge hunt show`: how far a run is or how it went, and with --follow until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cli import runs, tables
from cli.assemble import load_config, on_aws, runtime_of
from cli.exit_codes import Misused
from cli.hunt_run import INTERRUPTED
from cli.settings import settings
from cli.stack import on_stack
from console.views.run import CaptureRow, RunView, run_view
from receiver.messages.wording import disk_size
from shared.hosting.runtime import Runtime
from shared.models.codec import dump
from shared.phrases import counted, duration, utc_minute
from shared.text import one_line

_EVERY = 10_000  # systems, more than a hunt has
_LONGEST = 5
_TITLES = ("Instance", "Name", "Account", "Region", "Outcome", "Malicious", "Suspicious", "Took", "Detail")


@click.command("show", short_help="How far a run is, or how it went.")
@on_stack
@settings
@click.argument("name", metavar="RUN")
@click.option("--follow", is_flag=True, help="Show the progress until the run ends.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def show_run(config_path: str | None, data: Path, name: str, follow: bool, as_json: bool) -> None:
    """Show the progress or the result of RUN: failures with their reasons, slow captures, what was left out,
    and every system, problems first.

    RUN is a run such as weekly@2027-01-31T02:00:00Z, or the name of a hunt for its last run that has not
    ended. A unique beginning of either is enough. This only reads; a running `serve`, or the functions on
    AWS, do the work. Ctrl-C ends the command, and the run goes on.
    """
    runtime = runtime_of(load_config(config_path), data)
    run_id = runs.the_run(runtime, name, prefer_open=True).id
    view = _view(runtime, run_id)
    if follow and not view.run.over:
        try:
            view = _followed(runtime, run_id, view)
        except KeyboardInterrupt:
            click.echo(f"hunt {run_id} goes on", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
    if as_json:
        tables.print_json(dump(view))
    else:
        _show(view)


def _view(runtime: Runtime, run_id: str) -> RunView:
    view = run_view(runtime, run_id, limit=_EVERY)
    if view is None:
        raise Misused(f"there is no run {run_id} any more")
    return view


def _followed(runtime: Runtime, run_id: str, view: RunView) -> RunView:
    """Show the progress until the run is over. On a terminal as a bar, else one line for each change."""
    console = Console(stderr=True, highlight=False)

    def views() -> Iterator[RunView]:
        yield view
        while True:
            began = time.monotonic()
            latest = _view(runtime, run_id)
            yield latest
            if latest.run.over:
                return
            # A run of many systems takes long to read, and the work itself needs that time.
            time.sleep(max(3.0 if on_aws() else 1.0, 10 * (time.monotonic() - began)))

    if not console.is_terminal:
        return _lines(views(), console.print)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(view.run.id, total=None)
        latest = view
        for latest in views():
            done, systems = latest.done, latest.run.systems
            progress.update(task, description=_progress(latest), completed=done, total=systems or None)
        return latest


def _lines(views: Iterator[RunView], show: Callable[[str], None]) -> RunView:
    shown, latest = "", next(views)
    while True:
        if (line := _progress(latest)) != shown:
            show(line)
            shown = line
        following = next(views, None)
        if following is None:
            return latest
        latest = following


def _progress(view: RunView) -> str:
    parts = ", ".join(f"{part.count} {part.outcome}" for part in view.segments)
    if view.waits_for:
        return f"hunt {view.run.id}: waits until {view.waits_for} has ended"
    return f"hunt {view.run.id}, {view.run.state}: {parts or 'no systems yet'}"


def _show(view: RunView) -> None:
    run = view.run
    kept = f", {disk_size(view.megabytes)}" if view.megabytes else ""
    click.echo(view.title)
    for what, text in (
        ("Run", run.id),
        ("State", run.state + (f": {run.reason}" if run.reason else "")),
        ("Started", run.started),
        ("Ended", utc_minute(view.finished_at)),
        ("Duration", _time(run.duration)),
        ("Project", str(run.project_id) if run.project_id is not None else ""),
        ("Waits for", view.waits_for),
        ("Yours", view.intelligence),
        ("Outcomes", ", ".join(f"{part.count:,} {part.outcome}" for part in view.segments)),
        ("CVEs", view.vulnerabilities.words if view.vulnerabilities else ""),
        ("Cost", view.cost),
        ("Evidence", f"{counted(view.evidence, 'item')}{kept}" if view.evidence else ""),
    ):
        if text:
            click.echo(f"  {what + ':':<11}{one_line(text, 1_000)}")
    for problem in view.problems:
        click.echo(f"Problem: {one_line(problem, 1_000)}")
    for reason in view.reasons:
        click.echo(f"Failed, {reason.count:,}: {one_line(reason.text, 1_000)}")
        named = ", ".join(_named(row) for row in reason.systems)
        more = reason.count - len(reason.systems)
        click.echo(f"  {named}" + (f" and {more:,} more" if more else ""))
    for each in view.vulnerabilities.worst[:_LONGEST] if view.vulnerabilities else ():
        cves = ", ".join(f"{row.cve} ({row.package})" for row in each.found.rows[:_LONGEST])
        click.echo(f"Vulnerable: {one_line(f'{each.name or each.title}: {cves}', 1_000)}")
    if view.timeline:
        longest = (f"{_named(bar.row)} {_time(bar.row.duration)}" for bar in view.timeline.bars[:_LONGEST])
        click.echo(f"Longest: {', '.join(longest)}")
    for text in view.left_out:
        click.echo(f"Left out: {one_line(text, 1_000)}")
    if view.systems.rows:
        titles = (
            "System",
            "Name",
            "Account",
            "Place",
            "Outcome",
            "Malicious",
            "Suspicious",
            "Took",
            "Detail",
        )
        tables.show(titles, [_cells(row) for row in view.systems.rows], whole=(0, 2, 3))


def _cells(row: CaptureRow) -> tuple[str, ...]:
    return (
        one_line(row.title, 200),
        one_line(row.name, 60),
        row.account or "own",
        one_line(row.place, 200),
        row.outcome,
        str(row.malicious),
        str(row.suspicious),
        _time(row.duration),
        one_line(row.detail, 300),
    )


def _named(row: CaptureRow) -> str:
    title = one_line(row.title, 200)
    return f"{one_line(row.name, 60)} ({title})" if row.name else title


def _time(length: timedelta | None) -> str:
    return duration(length.total_seconds()) if length is not None else ""
