"""`huntbridge hunt run`: runs a hunt now, or requests the failed captures of a run again."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from cli import runs, tables
from cli.assemble import (
    load_config,
    local_runtime,
    on_aws,
    reading_runtime,
    runtime_of,
)
from cli.exit_codes import Failed, Misused, PlatformFailed
from cli.operator import person_here
from cli.plan import draft, moment, show, the_hunt
from cli.settings import settings
from cli.stack import on_stack
from cli.workers import workers
from scheduler import by_hand
from scheduler.follow import follow
from scheduler.narrow import Narrow, time_beside_schedule
from scheduler.plan import prepare
from scheduler.report import report
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.core import Core
from shared.local.server import Server, Timer
from shared.models.captures import Capture, CaptureState
from shared.models.codec import dump
from shared.models.hunts import Hunt, HuntState
from shared.phrases import counted
from shared.secrets import SecretError

_ASKED = (CaptureState.REQUESTED, CaptureState.RUNNING, CaptureState.PROCESSED, CaptureState.FAILED)
INTERRUPTED = 130  # the exit code that shells use after Ctrl-C
_SHOWN = {CaptureState.UNKNOWN: "not answered yet"}


@click.command("run", short_help="Run a hunt now.")
@on_stack
@settings
@click.argument("name", required=False)
@click.option(
    "--only",
    metavar="TAG=VALUE",
    multiple=True,
    help="Capture only systems with this tag. name=VALUE and kind=VALUE work too, with * and ?. Repeatable.",
)
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Capture at most N systems.")
@click.option(
    "--at", metavar="TIME", help="The scheduled time of the run, such as 2027-01-31T02:00Z [default: now]."
)
@click.option("--dry-run", is_flag=True, help="Show which captures would be requested, and request none.")
@click.option("--wait", is_flag=True, help="Follow the captures to their end and deliver their alarms.")
@click.option("--retry-for", metavar="SECONDS", type=click.FloatRange(min=0), default=120, show_default=True,
              help="How long to retry if the platform does not answer.")  # fmt: skip
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Request only the failed captures of the last run, of the run at --at, or of NAME if that is a "
    "run, again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run_hunt(
    config_path: str | None,
    data: Path,
    name: str | None,
    only: tuple[str, ...],
    limit: int | None,
    at: str | None,
    dry_run: bool,
    wait: bool,
    retry_for: float,
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Run the hunt NAME. NAME may be left out if the configuration has only one hunt.

    The command ends when all captures are requested. If there are more systems than captures may run at once,
    it waits until some captures have ended. The same NAME and --at again requests nothing twice: it continues
    the interrupted run. A `serve` on the same data directory may be running.

    A run with --only or --limit is beside the schedule. It starts now, and replaces no scheduled run. No hunt
    begins after it, and later runs are not compared with it.

    With --stack the hunt is planned here, and the functions of that stack on AWS request its captures.
    """
    config = load_config(config_path)
    narrow = _narrow(only, limit)
    console = Console(stderr=True, highlight=False)
    if retry_failed:
        if dry_run:
            raise Misused(
                "--dry-run shows what a new run would do; `huntbridge hunt report` shows what failed"
            )
        if narrow:
            raise Misused(
                "--retry-failed requests all failed captures of a run again; leave out --only and --limit"
            )
        again = _which_run(config, name, at)
        runtime = runtime_of(config, data, write=True)
        _to_its_end(runtime, _retry(runtime, again, retry_for), wait, console, as_json)
        return
    if narrow and at:
        raise Misused("a run with --only or --limit starts now; leave out --at")
    name = the_hunt(config, name)
    scheduled_at = moment(at) if at else datetime.now(UTC)
    if dry_run:
        runtime = reading_runtime(config, data)
        if narrow:
            scheduled_at = time_beside_schedule(runtime.ledger, name, config.hunts[name], scheduled_at)
        show(draft(runtime, name, scheduled_at, narrow=narrow), as_json)
        return
    runtime = reading_runtime(config, data) if on_aws() else local_runtime(config, data)
    if not on_aws():
        runtime.secret(config.platform.api_key)  # without the key no capture can be requested
    if config.hunts[name].selects:
        console.print(f"hunt {name}: looking for its systems")
    if narrow:
        scheduled_at = time_beside_schedule(runtime.ledger, name, config.hunts[name], scheduled_at)
    planned = prepare(runtime, name, scheduled_at, narrow)
    for problem in planned.hunt.problems:
        console.print(f"left out: {problem}", style="yellow", markup=False, soft_wrap=True)
    for reason in planned.hunt.left_out:
        console.print(reason, markup=False, soft_wrap=True)
    if narrow and not planned.captures:
        raise Failed(
            f"no system of hunt {name} fits: {narrow.words}; `huntbridge hunt plan {name}` lists them"
        )
    started = by_hand.run(runtime, planned, person_here(runtime), retry_for=retry_for)
    _to_its_end(runtime, started, wait, console, as_json)


def _narrow(only: tuple[str, ...], limit: int | None) -> Narrow:
    try:
        return Narrow.parse(only, limit)
    except ValueError as error:
        raise Misused(f"--only: {error}") from None


def _which_run(config: Config, name: str | None, at: str | None) -> str:
    """The run whose failed captures are meant. NAME may be a run, also of a hunt that is no longer in the
    configuration."""
    if name and "@" in name:
        if at:
            raise Misused(f"{name} is a run, which has its time; leave out --at")
        return name
    name = the_hunt(config, name)
    return f"{name}@{runs.in_utc(moment(at))}" if at else name


def _retry(runtime: Runtime, given: str, retry_for: float) -> Hunt:
    """Plan the failed captures of the run again, and return the run."""
    hunt = runs.the_run(runtime, given)
    try:
        retried = by_hand.retry(runtime, hunt, person_here(runtime), retry_for=retry_for)
    except by_hand.NotPossible as error:
        raise Failed(str(error)) from None
    where = "" if retried.same_project else "; its project is gone from the platform, and a new one is opened"
    captures = counted(retried.again, "failed capture")
    click.echo(f"hunt {hunt.id}: asking again for {captures}{where}", err=True)
    return retried.hunt


def _to_its_end(runtime: Runtime, hunt: Hunt, wait: bool, console: Console, as_json: bool) -> None:
    """Work until the hunt is done, and print the result."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        ended = _work(runtime, hunt, wait, console)
    except KeyboardInterrupt:
        latest = runtime.ledger.hunts.get(hunt.id) or hunt
        click.echo(_interrupted(latest, runtime.ledger.captures.of_hunt(hunt.id)), err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    _show_result(runtime, ended, as_json)


def _interrupted(hunt: Hunt, captures: list[Capture]) -> str:
    asked = sum(capture.state in _ASKED or capture.state is CaptureState.UNKNOWN for capture in captures)
    at = runs.in_utc(hunt.scheduled_at)
    return (
        f"hunt {hunt.id} was interrupted: {asked} of {len(captures)} systems were asked for. The "
        "platform goes on with those. The hunt is not over: a running `huntbridge serve` goes on with it, "
        f"and so does `huntbridge hunt run {hunt.name} --at {at}`. `huntbridge hunt stop {hunt.id}` ends it."
    )


def _work(runtime: Runtime, hunt: Hunt, wait: bool, console: Console) -> Hunt:
    """Work the queues until the hunt is done. On AWS the functions of the stack do that, and this only waits.

    Raises SecretError.
    """
    server = Server([], [])
    if not on_aws():
        core = Core()
        try:
            work = workers(runtime, core, receives=wait)
        except SecretError as error:
            raise Misused(str(error)) from None
        server = Server(
            work, [Timer("follow", lambda: follow(runtime), runtime.config.follow.interval)], core
        )
    server.start()
    shown = ""
    try:
        while True:
            began = time.monotonic()
            latest = runtime.ledger.hunts.get(hunt.id)
            assert latest is not None
            captures = runtime.ledger.captures.of_hunt(hunt.id)
            if (line := _progress(latest, captures)) != shown:
                console.print(line)
                shown = line
            if _is_done(runtime, latest, captures, wait):
                return latest
            # Reading ten thousand captures takes time that the work itself needs.
            time.sleep(max(3.0 if on_aws() else 0.1, 10 * (time.monotonic() - began)))
    finally:
        server.stop()


def _is_done(runtime: Runtime, hunt: Hunt, captures: list[Capture], wait: bool) -> bool:
    if not wait:
        return hunt.over or (
            hunt.project_id is not None and all(capture.state in _ASKED for capture in captures)
        )
    events = runtime.events.depth()
    # A delayed event may be a notice that is due in an hour. `serve` delivers it.
    return hunt.over and not (events.ready or events.leased or runtime.deliveries.depth().living)


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
    captures = runtime.ledger.captures.of_hunt(hunt.id)
    if as_json:
        result = dump(report(runtime.ledger, hunt, captures, hunt.reason, runtime.now()))
        tables.print_json({"id": hunt.id, "state": hunt.state, **result})
    if hunt.state is HuntState.SKIPPED:
        raise Failed(f"hunt {hunt.id} was not started: {hunt.reason}")
    if hunt.state is HuntState.FAILED:
        raise PlatformFailed(f"hunt {hunt.id} failed: {hunt.reason}")
    if hunt.state is HuntState.STOPPED:
        raise Failed(f"hunt {hunt.id} was stopped: {hunt.reason}")
    failed = [capture for capture in captures if capture.state is CaptureState.FAILED]
    for capture in failed:
        click.echo(f"{capture.system.key}: {capture.reason}", err=True)
    if not as_json:
        click.echo(in_words(hunt, captures))
    if failed or hunt.problems:
        raise click.exceptions.Exit(1)


def in_words(hunt: Hunt, captures: list[Capture]) -> str:
    """The result of the run so far. A requested capture does not count as captured."""
    result = runs.RunResult.of(hunt, captures)
    if hunt.over:
        return (
            f"hunt {hunt.id}: {result.captured} of {len(captures)} systems captured, {result.failed} failed, "
            f"{result.with_alarms} with alarms in project {hunt.project_id}"
        )
    asked = sum(capture.state in _ASKED and capture.requested_at is not None for capture in captures)
    failed = f", {result.failed} failed" if result.failed else ""
    return (
        f"hunt {hunt.id}: {asked} of {len(captures)} systems were asked for{failed} in project "
        f"{hunt.project_id}; a running `huntbridge serve` follows the captures to their end, and so does "
        "--wait"
    )
