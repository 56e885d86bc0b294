"""`huntbridge hunt plan`: shows what a hunt would do, without requesting a capture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli import plan_cost, tables
from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Misused
from cli.identifiers import whole
from cli.settings import settings
from cli.stack import on_stack
from scheduler.chosen_systems import Choice, Selection
from scheduler.estimate import Estimate, estimate
from scheduler.expected import Expected, expect, too_expensive
from scheduler.narrow import WHOLE, Narrow
from scheduler.next_runs import Run, next_runs
from scheduler.plan import Plan, plan, recorded
from scheduler.preflight.preflight import preflight
from scheduler.preflight.words import line
from scheduler.targets import choose
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models.codec import dump
from shared.models.preflight import Degree, Notice
from shared.models.systems import Kind
from shared.phrases import counted
from shared.text import one_line

_MOST_LEFT_OUT = 50
_FIRST_YEAR, _LAST_YEAR = 1970, 2199  # as in a schedule of EventBridge
_EXPECT_BUDGET = 60.0  # seconds for all questions about disks and workers


@dataclass(frozen=True)
class Shown:
    """A plan with its reasons, its load, its times, and what will keep it from working."""

    plan: Plan
    selection: Selection
    load: Estimate | None = None
    expected: Expected | None = None
    runs: tuple[Run, ...] = ()
    never: str = ""  # why the schedule starts nothing any more
    refused: str = ""  # why the run may not begin
    notices: tuple[Notice, ...] = ()


@click.command("plan", short_help="Show what a hunt would do.")
@on_stack
@settings
@click.argument("name", required=False)
@click.option(
    "--at", metavar="TIME", help="The time of the run [default: the next time of its schedule, else now]."
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def plan_hunt(config_path: str | None, data: Path, name: str | None, at: str | None, as_json: bool) -> None:
    """Show what the hunt NAME would do: which systems it captures or leaves out and why, how much, and when.

    Looks up EC2 instances in AWS and all other systems on the platform, and asks the platform what it can
    capture. Then looks for problems that will keep captures from working; docs/preflight.md lists them.
    Changes nothing. Exit code 0 if everything could be looked up and no capture is known to fail, 1
    otherwise, 2 if the configuration is wrong.
    """
    config = load_config(config_path)
    name = the_hunt(config, name)
    runtime = reading_runtime(config, data)
    now = runtime.now()
    runs = tuple(next_runs(config.hunts[name], now))
    first = next((run.at.astimezone(UTC) for run in runs if run.runs), now)
    shown = draft(runtime, name, moment(at) if at else first, look=True)
    load = estimate(runtime.make_fleet(), runtime.ledger, runtime.now, name, shown.selection)
    expected = expect(runtime, name, shown.plan.captures, shown.plan.hunt.scheduled_at, budget=_EXPECT_BUDGET)
    never = config.hunts[name].never_runs(now)
    hunt = shown.plan.hunt
    refused = too_expensive(config.hunts[name], replace(hunt, cost=expected.cost))
    click.echo(f"hunt {name}: looking for what will keep it from working", err=True)
    notices = tuple(preflight(runtime, shown.selection.choices, hunt.mode, run_at=hunt.scheduled_at))
    show(Shown(shown.plan, shown.selection, load, expected, runs, never, refused, notices), as_json)
    will_fail = any(notice.degree is Degree.FAILS for notice in notices)
    if hunt.problems or load.problems or never or refused or will_fail:
        raise click.exceptions.Exit(1)


def draft(runtime: Runtime, name: str, at: datetime, *, look: bool = False, narrow: Narrow = WHOLE) -> Shown:
    """The plan of one run. With `look` systems that are named in the configuration are looked up too."""
    definition = runtime.config.hunts[name]
    hunt = plan(name, definition, at).hunt
    if planned := recorded(runtime.ledger, hunt):
        why = "recorded when this hunt was started first"
        choices = (
            Choice(capture.system, why, instance=capture.facts, mode=capture.mode)
            for capture in planned.captures
        )
        return Shown(planned, Selection(tuple(choices)))
    if definition.selects or definition.cloud_targets:
        click.echo(f"hunt {name}: looking for its systems", err=True)
    selection = choose(runtime, definition, identity=hunt.id, look=look, narrow=narrow)
    return Shown(plan(name, definition, at, selection, narrow), selection)


def the_hunt(config: Config, name: str | None) -> str:
    known = ", ".join(config.hunts) or "none"
    if name is None:
        if len(config.hunts) != 1:
            raise Misused(f"say which hunt; the configuration has: {known}")
        return next(iter(config.hunts))
    match = whole(name, config.hunts, "hunts")
    if match is None:
        raise Misused(f"there is no hunt {name!r}; the configuration has: {known}")
    return match


def moment(text: str) -> datetime:
    """The time that `--at` gives. Raises Misused."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misused(f"--at {text!r} is not a time; write it as 2027-01-31T02:00Z") from None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise Misused(f"--at {text!r}: write a year from {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def show(shown: Shown, as_json: bool) -> None:
    if as_json:
        tables.print_json(_as_json(shown))
        return
    for part in _parts(shown):
        if isinstance(part, str):
            click.echo(part)
        else:
            tables.show(part.titles, part.rows, whole=(1, 3))


@dataclass(frozen=True)
class _Table:
    titles: tuple[str, ...]
    rows: list[tuple[str, ...]]


def _parts(shown: Shown) -> Iterator[str | _Table]:
    """The texts and tables of the plan, from top to bottom."""
    hunt, selection, load = shown.plan.hunt, shown.selection, shown.load
    yield f"Hunt {hunt.id} would open the project “{shown.plan.project_name}”"
    chosen = [choice for choice in selection.choices if not choice.why_not]
    left_out = [choice for choice in selection.choices if choice.why_not]
    if chosen:
        yield f"and ask for {counted(len(chosen), 'capture')}:"
        yield _table(
            ("Capture", "Why"), [(choice, (choice.mode or hunt.mode, choice.why)) for choice in chosen]
        )
    else:
        yield "and there is no system to capture."
    if left_out:
        yield "Left out:"
        yield _table(("Why not",), [(choice, (choice.why_not,)) for choice in left_out[:_MOST_LEFT_OUT]])
        if len(left_out) > _MOST_LEFT_OUT:
            yield f"and {len(left_out) - _MOST_LEFT_OUT:,} more (all of them with --json):"
            yield from (f"  {line}" for line in selection.left_out)
    if load:
        yield f"Load: {_load(load)}"
    if shown.expected:
        yield from plan_cost.capacity_lines(shown.expected)
        yield plan_cost.cost_line(shown.expected.cost)
        if rows := plan_cost.cost_rows(shown.expected.cost):
            yield _Table(plan_cost.TITLES, rows)
        yield from (f"  {line}" for line in plan_cost.about_cost(shown.expected.cost))
    if shown.notices:
        yield "What to expect:"
        yield from (f"  {line(notice)}" for notice in shown.notices)
    if shown.runs:
        yield f"Next runs ({shown.runs[0].at.tzinfo}):"
        yield from (f"  {_run(run)}" for run in shown.runs)
    for problem in _problems(shown):
        yield f"problem: {problem}"
    for note in selection.notes:
        yield f"note: {note}"


def _problems(shown: Shown) -> list[str]:
    hunt, load = shown.plan.hunt, shown.load
    never = [f"the schedule of {hunt.name}: {shown.never}"] if shown.never else []
    refused = [f"this run would not start: {shown.refused}"] if shown.refused else []
    return [*hunt.problems, *(load.problems if load else ()), *never, *refused]


def _table(titles: tuple[str, ...], rows: list[tuple[Choice, tuple[str, ...]]]) -> _Table:
    cells = []
    for choice, told in rows:
        system, instance = choice.system, choice.instance
        # Anybody can write a name into a tag.
        name = one_line(instance.name, 60) if instance and system.kind is Kind.EC2 else ""
        place = (system.account or "own", one_line(system.place, 200))
        cells.append((system.kind, one_line(system.title, 200), name, *place, _state(choice), *told))
    return _Table(("Kind", "System", "Name", "Account", "Place", "State", *titles), cells)


def _state(choice: Choice) -> str:
    if choice.instance is None:
        return "not looked up"
    return choice.instance.state or "not known"  # the platform tells it for Google machines alone


def _load(load: Estimate) -> str:
    parts = [counted(load.systems, "system")]
    if load.volumes is not None:
        parts.append(f"{counted(load.volumes, 'volume')}, {load.gib:,} GiB")
    if load.hours is None:
        parts.append("no run of this hunt has finished before")
    else:
        last = "its last hunt" if load.after_hunts == 1 else f"its last {load.after_hunts} hunts"
        parts.append(f"about {load.hours:.1f} hours at the pace of {last}")
    return ", ".join(parts)


def _run(run: Run) -> str:
    return f"{run.at:%a %Y-%m-%d %H:%M %Z}" + (f"  {run.note}" if run.note else "")


def _as_json(shown: Shown) -> dict[str, Any]:
    hunt, load = shown.plan.hunt, shown.load
    plan: dict[str, Any] = {
        "hunt": hunt.id,
        "project": shown.plan.project_name,
        "capture": hunt.mode,
        "systems": [
            _row(choice) | {"capture": choice.mode or hunt.mode}
            for choice in shown.selection.choices
            if not choice.why_not
        ],
        "left_out": [
            _row(choice) | {"why_not": choice.why_not} for choice in shown.selection.choices if choice.why_not
        ],
        "problems": _problems(shown),
        "notes": list(shown.selection.notes),
    }
    if shown.expected:
        plan |= plan_cost.as_json(shown.expected)
    if load:
        plan["notices"] = [_notice(notice) for notice in shown.notices]
        plan["load"] = {
            "systems": load.systems,
            "volumes": load.volumes,
            "gib": load.gib,
            "hours": None if load.hours is None else round(load.hours, 2),
            "after_hunts": load.after_hunts,
        }
        plan["next_runs"] = [
            {"at": run.at.isoformat(), "utc": run.at.astimezone(UTC).isoformat() if run.runs else None,
             "note": run.note}
            for run in shown.runs
        ]  # fmt: skip
    return plan


def _notice(notice: Notice) -> dict[str, Any]:
    return {
        "code": notice.code,
        "degree": notice.degree,
        "what": notice.what,
        "do": notice.do,
        "systems": [system.key for system in notice.systems],
        "volumes": list(notice.volumes),
        "right": notice.right,
    }


def _row(choice: Choice) -> dict[str, Any]:
    system, instance = choice.system, choice.instance
    known = None if system.kind is Kind.EC2 else system.name
    return dump(system) | {
        "kind": system.kind,
        "name": instance.name if instance else known,
        "place": system.place,
        "state": (instance.state or None) if instance else None,
        "why": choice.why,
    }
