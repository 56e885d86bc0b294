"""`huntbridge mute`: alarms that send no messages until a date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import click

from cli import tables
from cli.assemble import load_config, reading_runtime, runtime_of
from cli.confirm import confirm
from cli.exit_codes import Failed, Misused
from cli.moments import Moment
from cli.operator import here, operator
from cli.settings import settings
from cli.stack import on_stack
from console.views.mutes import MuteRow, mute_rows
from receiver.assemble import muting
from receiver.events.mute_preview import Preview, preview
from shared.config.durations import seconds_of
from shared.models.codec import dump
from shared.models.event_kinds import ALARM_KINDS
from shared.models.mutes import LONGEST, Mute, MuteMatch, why_refused
from shared.models.people import Person
from shared.phrases import counted, utc_minute
from shared.storage.ledger.mutes import MuteRefused
from shared.text import one_line

Command = TypeVar("Command", bound=Callable[..., Any])
_MATCHERS = {
    "event": "The kind of event.",
    "severity": "The severity of the alarm.",
    "hunt": "The hunt that the alarm belongs to.",
    "project": "The project's name or id.",
    "account": "A key of accounts, or twelve digits.",
    "region": "The AWS region, zone or location of the system.",
    "kind": "The kind of the system, such as ec2 or azure_vm.",
    "instance": "The system: its EC2 instance id or its name.",
    "finding": "The platform's description of the finding.",
    "technique": "The ATT&CK id of the finding, such as T1496 or T1059*.",
    "path": "The path of the artefact; every place of the finding must match.",
}


@click.group()
def mute() -> None:
    """Mute alarms until a date: they are recorded, and send no messages. docs/noise.md says which alarms are
    never muted."""


def _matchers(command: Command) -> Command:
    for name, help in reversed(_MATCHERS.items()):
        command = click.option(f"--{name}", metavar="PATTERN", multiple=True, help=help)(command)
    return command


def _by(command: Command) -> Command:
    option = click.option(
        "--by",
        metavar="NAME",
        required=True,
        envvar="HUNTBRIDGE_BY",
        help="Your name, which everybody reads. Also HUNTBRIDGE_BY.",
    )
    return option(command)


@mute.command(short_help="Mute alarms until a date.")
@on_stack
@settings
@_matchers
@click.option("--tag", metavar="KEY=VALUE", multiple=True, help="A tag of the system; may be repeated.")
@click.option("--for", "length", metavar="7d", help="How long: hours or days, at most 90d.")
@click.option(
    "--until", type=Moment(ahead=True), help="When it ends, instead of --for: 2026-12-31 or a time."
)
@click.option("--until-next-hunt", is_flag=True, help="Do not mute alarms of hunts that begin from now on.")
@click.option("--malicious", is_flag=True, help="Also mute malicious findings.")
@_by
@click.option("--why", metavar="TEXT", required=True, help="The reason. Everybody reads it.")
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=30,
    show_default=True,
    help="Show what the mute would have covered in so many days.",
)
@click.option("--dry-run", is_flag=True, help="Only show what the mute would have covered.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def add(
    config_path: str | None,
    data: Path,
    tag: tuple[str, ...],
    length: str | None,
    until: datetime | None,
    until_next_hunt: bool,
    malicious: bool,
    by: str,
    why: str,
    days: int,
    dry_run: bool,
    yes: bool,
    **matchers: tuple[str, ...],
) -> None:
    """Add a mute. Alarms that it matches send no messages until it ends. They are recorded and counted.

    The command first shows which past alarms the mute would have covered, and asks, unless you write --yes.
    One message is sent when the mute is added (event `muted`), and one a day before it ends (`mute_ending`).

    An option may be repeated: one of its values must match. If several options are given, all of them must
    match. * and ? are wildcards.

    \b
    Example:
      huntbridge mute add --instance 'build-*' --finding 'User accessing sudo' --for 7d \\
        --by Ada --why "the build agents use sudo"
    """
    config = load_config(config_path)
    runtime = runtime_of(config, data, write=not dry_run)
    now = runtime.now()
    made = Mute(
        id=uuid4().hex[:12],
        match=MuteMatch(**matchers, tags=_tags(tag)),
        until=_end(now, length, until, until_next_hunt),
        by=one_line(by),
        why=one_line(why, 300),
        at=now,
        origin=f"{here()}, {operator(runtime)}",
        malicious=malicious,
        until_next_hunt=until_next_hunt,
    )
    if refused := why_refused(made, ALARM_KINDS):
        raise Misused(refused)
    since = now - timedelta(days=days)
    _show(preview(runtime.queries.events, runtime.ledger, config, made, since), days)
    if dry_run:
        return
    if not yes:
        confirm(f"Mute this until {utc_minute(made.until)}?")
    try:
        muting(runtime).add(made)
    except MuteRefused as error:
        raise Failed(str(error)) from None
    click.echo(f"{made.by} has muted this until {utc_minute(made.until)}: mute {made.id}")


@mute.command("list", short_help="The mutes, those that end first at the top.")
@on_stack
@settings
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def list_(config_path: str | None, data: Path, as_json: bool) -> None:
    """List the mutes of the configuration and the stored ones that are not over, with how often each was
    hit."""
    config = load_config(config_path)
    runtime = reading_runtime(config, data)
    rows = mute_rows(config, runtime.ledger, runtime.now())
    if as_json:
        tables.print_json({"mutes": [_as_json(row) for row in rows]})
    elif rows:
        tables.show(
            ("Mute", "Until", "Hits", "What", "Malicious", "By", "Why"),
            [
                (
                    row.mute.id,
                    ("at most " if row.mute.until_next_hunt else "") + utc_minute(row.mute.until),
                    f"{row.hits:,}",
                    one_line(row.what, 300),
                    "too" if row.mute.malicious else "no",
                    one_line(row.mute.by, 60),
                    one_line(row.mute.why, 300),
                )
                for row in rows
            ],
            whole=(0, 1),
        )
    else:
        click.echo("nothing is muted")


@mute.command(short_help="End a mute now.")
@on_stack
@settings
@click.argument("id")
@_by
@click.option("--why", metavar="TEXT", default="", help="The reason.")
def end(config_path: str | None, data: Path, id: str, by: str, why: str) -> None:
    """End a mute that somebody added. Alarms that it covered send messages again. `huntbridge mute list`
    shows its ID. A mute of the configuration ends when it is removed from the file."""
    runtime = runtime_of(load_config(config_path), data, write=True)
    person = Person(one_line(by), f"{here()}, {operator(runtime)}")
    try:
        ended = muting(runtime).end(id, person, why)
    except MuteRefused as error:
        raise Failed(f"{error}; `huntbridge mute list` shows all mutes") from None
    muted = one_line(ended.match.words, 300)
    click.echo(f"{one_line(by)} has ended the mute {id}. These alarms send messages again: {muted}")


def _end(now: datetime, length: str | None, until: datetime | None, next_hunt: bool) -> datetime:
    if length and until:
        raise Misused("give --for or --until, not both")
    if until:
        return until
    if length:
        try:
            return now + timedelta(seconds=seconds_of(length))
        except ValueError as error:
            raise Misused(f"--for: {error}") from None
    if next_hunt:
        return now + LONGEST
    raise Misused("say when the mute ends: --for 7d, --until 2026-12-31 or --until-next-hunt")


def _tags(tags: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for tag in tags:
        key, equals, value = tag.partition("=")
        if not key or not equals:
            raise Misused(f"--tag {one_line(tag)!r}: write KEY=VALUE")
        found[key] = (*found.get(key, ()), value)
    return found


def _show(found: Preview, days: int) -> None:
    if not found.looked_at:
        click.echo(f"There were no alarms in {counted(days, 'day')}.")
        return
    part = "the newest " if found.more else ""
    click.echo(
        f"It would have covered {found.covered:,} of {part}{counted(found.looked_at, 'event')} "
        f"of the last {counted(days, 'day')}, {found.malicious:,} of them malicious"
        + (f", and some findings of {found.partly:,} more." if found.partly else ".")
    )
    for row in found.examples:
        click.echo(f"  {one_line(row.title or row.id, 200)}")


def _as_json(row: MuteRow) -> dict[str, Any]:
    last_hit = row.last_hit.isoformat() if row.last_hit else None
    return dump(row.mute) | {"hits": row.hits, "last_hit": last_hit}
