"""`huntbridge hunt`: run one now, or list them."""

from __future__ import annotations

import getpass
import json
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cli import tables
from cli.assemble import (
    CAPTURE_THREADS,
    Failed,
    Misused,
    PlatformFailed,
    load_config,
    local_runtime,
    on_aws,
    reading_runtime,
    receiver,
    runtime_of,
    settings,
)
from cli.identifiers import MOST, whole
from cli.plan import draft, moment, plan_hunt, show, the_hunt
from cli.stack import on_stack
from scheduler import custody
from scheduler.ending import report
from scheduler.follow import follow
from scheduler.handler import captures_handler
from scheduler.plan import prepare, start
from shared import leases
from shared.config import Config
from shared.local.server import Server, Timer, Workers
from shared.models import Capture, CaptureState, Hunt, HuntState, dump
from shared.runtime import Runtime
from shared.secrets import SecretError

_ASKED = (CaptureState.REQUESTED, CaptureState.RUNNING, CaptureState.PROCESSED, CaptureState.FAILED)
_SHOWN = {CaptureState.UNKNOWN: "not answered yet"}


@click.group()
def hunt() -> None:
    """Plan hunts, run them and list them."""


hunt.add_command(plan_hunt)


@hunt.command("run")
@on_stack
@settings
@click.argument("name", required=False)
@click.option(
    "--at", metavar="TIME", help="The scheduled time it runs for, such as 2027-01-31T02:00Z [default: now]."
)
@click.option("--dry-run", is_flag=True, help="Show what would be asked for, and ask nothing.")
@click.option("--wait", is_flag=True, help="Follow the captures to their end and deliver what they find.")
@click.option("--retry-for", metavar="SECONDS", type=click.FloatRange(min=0), default=120, show_default=True,
              help="How long a platform that does not answer is tried.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(
    config_path: str | None,
    data: Path,
    name: str | None,
    at: str | None,
    dry_run: bool,
    wait: bool,
    retry_for: float,
    as_json: bool,
) -> None:
    """Run the hunt NAME (may be left out where there is only one).

    Ends when every system has been asked for, which takes until others have ended where there are more than
    may be under way at once. The same hunt and --at again asks for nothing twice: it goes
    on where the first one stopped. A `serve` on the same data directory may run meanwhile.

    With --stack the hunt is planned here, and the functions of that stack on AWS ask for its captures.
    """
    config = load_config(config_path)
    name = the_hunt(config, name)
    scheduled_at = moment(at) if at else datetime.now(UTC)
    if dry_run:
        show(draft(reading_runtime(config, data), name, scheduled_at), as_json)
        return
    runtime = reading_runtime(config, data) if on_aws() else local_runtime(config, data)
    console = Console(stderr=True, highlight=False)
    if config.hunts[name].selects:
        console.print(f"hunt {name}: looking for its systems")
    planned = prepare(runtime, name, scheduled_at)
    for problem in planned.hunt.problems:
        console.print(f"left out: {problem}", style="yellow", markup=False, soft_wrap=True)
    for reason in planned.hunt.left_out:
        console.print(reason, markup=False, soft_wrap=True)
    by = f"hunt run by {getpass.getuser()} on {socket.gethostname()}"
    started = start(runtime, planned, retry_for=retry_for, trigger=by)
    ended = _work(runtime, started, wait, console)
    _show_result(runtime, ended, as_json)


def _work(runtime: Runtime, hunt: Hunt, wait: bool, console: Console) -> Hunt:
    """Do the work of the queues here until the hunt is where it has to be; of a stack on AWS its functions do
    it. Raises SecretError."""
    workers, timers = [], []
    if not on_aws():
        handler = captures_handler(runtime)
        workers.append(Workers(runtime.captures, handler, leases.CAPTURE, threads=CAPTURE_THREADS))
        timers.append(Timer("follow", lambda: follow(runtime), runtime.config.follow.interval))
    if wait and not on_aws():
        try:
            work = receiver(runtime)
        except SecretError as error:
            raise Misused(str(error)) from None
        workers += [
            Workers(runtime.events, work.event, leases.EVENT, threads=2),
            Workers(runtime.deliveries, work.delivery, leases.DELIVERY, threads=4),
        ]
    server = Server(workers, timers)
    server.start()
    shown = ""
    try:
        while True:
            began = time.monotonic()
            found = runtime.ledger.hunt(hunt.id)
            assert found is not None
            captures = runtime.ledger.captures(hunt.id)
            if (line := _progress(found, captures)) != shown:
                console.print(line)
                shown = line
            if _is_there(runtime, found, captures, wait):
                return found
            # To look at ten thousand captures takes time that the work needs.
            time.sleep(max(3.0 if on_aws() else 0.1, 10 * (time.monotonic() - began)))
    finally:
        server.stop()


def _is_there(runtime: Runtime, hunt: Hunt, captures: list[Capture], wait: bool) -> bool:
    if not wait:
        return hunt.over or (
            hunt.project_id is not None and all(capture.state in _ASKED for capture in captures)
        )
    return hunt.over and not (runtime.events.depth().living or runtime.deliveries.depth().living)


def _progress(hunt: Hunt, captures: list[Capture]) -> str:
    if hunt.project_id is None and hunt.state is HuntState.PLANNED:
        return f"hunt {hunt.id}: opening its project"
    states = ", ".join(
        f"{count} {_SHOWN.get(state, state)}"
        for state in CaptureState
        if (count := sum(capture.state is state for capture in captures))
    )
    return f"hunt {hunt.id}, project {hunt.project_id or '-'}: {states}"


def _show_result(runtime: Runtime, hunt: Hunt, as_json: bool) -> None:
    captures = runtime.ledger.captures(hunt.id)
    if as_json:
        result = dump(report(runtime.ledger, hunt, captures, hunt.reason, runtime.now()))
        _print_json({"id": hunt.id, "state": hunt.state, **result})
    if hunt.state is HuntState.SKIPPED:
        raise Failed(f"hunt {hunt.id} was not started: {hunt.reason}")
    if hunt.state is HuntState.FAILED:
        raise PlatformFailed(f"hunt {hunt.id} failed: {hunt.reason}")
    failed = [capture for capture in captures if capture.state is CaptureState.FAILED]
    for capture in failed:
        click.echo(f"{capture.system.key}: {capture.reason}", err=True)
    if not as_json:
        asked = sum(capture.state in _ASKED for capture in captures) - len(failed)
        click.echo(
            f"hunt {hunt.id}: {asked} of {len(captures)} systems captured in project {hunt.project_id}"
        )
    if failed or hunt.problems:
        raise click.exceptions.Exit(1)


@hunt.command("report")
@on_stack
@settings
@click.argument("name", metavar="HUNT")
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "json", "csv"]),
    default="md",
    show_default=True,
    help="A page for people, everything for machines, or one line for each disk that is kept.",
)
def report_of(config_path: str | None, data: Path, name: str, form: str) -> None:
    """The chain of custody of HUNT: a run such as weekly@2027-01-31T02:00:00Z, or a name for its last run; of
    either as much as is unique.

    Who asked for it and when, by which definition, each capture with its pipelines and evidence, and what the
    platform keeps of it: disk hashes and paths. It is what the ledger has; the platform is not asked.
    """
    runtime = runtime_of(load_config(config_path), data)
    found = _run(runtime, name)
    if found is None:
        raise Misused(f"there is no run of {name} in {data}; `huntbridge hunt list` shows what there is")
    captures = runtime.ledger.captures(found.id)
    summary = report(runtime.ledger, found, captures, found.reason, found.finished_at or runtime.now())
    names = {c.system.instance: runtime.ledger.name_of(c.system.instance) for c in captures}
    if form == "json":
        click.echo(custody.as_json(found, summary, captures), nl=False)
    elif form == "csv":
        click.echo(custody.as_csv(found, captures, names), nl=False)
    else:
        url = runtime.config.platform.url
        click.echo(custody.as_markdown(found, summary, captures, names, runtime.now(), url))


def _run(runtime: Runtime, given: str) -> Hunt | None:
    """The run that is meant: by its id, or the last one of its hunt; of either as much as is unique."""
    name, at, _ = given.partition("@")
    meant = whole(name, runtime.store.groups("hunt", name, MOST + 1), "hunts")
    runs = runtime.ledger.hunts(meant) if meant else []
    if not at:
        return next(iter(runs), None)
    id = whole(f"{meant}{given[len(name) :]}", (run.id for run in runs), "runs")
    return runtime.ledger.hunt(id) if id else None


@hunt.command("list")
@on_stack
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_hunts(config_path: str | None, data: Path, as_json: bool) -> None:
    """The hunts of the configuration: what they take, when they run next, and how they last went."""
    config = load_config(config_path)
    runtime = reading_runtime(config, data)
    rows = [_row(name, config, runtime) for name in config.hunts]
    if as_json:
        _print_json(rows)
        return
    if not rows:
        click.echo("the configuration has no hunts")
        return
    keys = ("name", "systems", "capture", "next", "last", "state")
    titles = ("Hunt", "Systems", "Capture", "Next run (UTC)", "Last run (UTC)", "State")
    tables.show(titles, [[str(row[key] or "-") for key in keys] for row in rows], whole=(0,))


def _row(name: str, config: Config, runtime: Runtime) -> dict[str, Any]:
    definition = config.hunts[name]
    calendar = definition.calendar
    now = datetime.now(UTC)
    due = calendar.next_after(now) if calendar else None
    runs = runtime.ledger.hunts(name)
    return {
        "name": name,
        # What selectors find is known only when somebody looks.
        "systems": None if definition.selects else len(definition.systems),
        "capture": definition.capture,
        "next": f"{due:%Y-%m-%d %H:%M}" if due else "never" if definition.never_runs(now) else None,
        "last": f"{runs[0].scheduled_at:%Y-%m-%d %H:%M}" if runs else None,
        "state": runs[0].state if runs else None,
    }


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))
