"""`huntbridge dead`: shows the items that failed for good, with the reason, and puts them back or deletes
them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.assemble import load_config, runtime_of
from cli.exit_codes import Failed, Misused
from cli.identifiers import whole
from cli.operator import person_here
from cli.settings import settings
from cli.stack import on_stack
from receiver.deliveries.describe_dead_items import message_of, title_of
from shared.phrases import counted
from shared.queues.dead_items import DeadEntry
from shared.text import one_line


@click.group()
def dead() -> None:
    """Items that failed for good: messages that were not delivered, events and captures that could not be
    handled. Each is kept whole until you put it back or delete it.

    With --stack, the items are those of that stack on AWS.
    """


def _row(entry: DeadEntry) -> dict[str, Any]:
    return {
        "id": entry.item.id,
        "queue": entry.queue,
        "destination": entry.destination or None,
        "what": title_of(entry),
        "added": entry.item.added_at.isoformat(),
        "died": entry.item.died_at.isoformat(),
        "attempts": entry.item.claims,
        "reason": entry.item.reason,
    }


@dead.command("list")
@on_stack
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_dead(config_path: str | None, data: Path, as_json: bool) -> None:
    """List the dead items of all three queues, the newest first."""
    rows = [_row(entry) for entry in runtime_of(load_config(config_path), data).dead_items.entries()]
    if as_json:
        tables.print_json(rows)
        return
    if not rows:
        click.echo("nothing is dead")
        return
    titles = ("ID", "For", "What", "Died (UTC)", "Reason")
    cells = (
        (
            one_line(row["id"], len(row["id"])),
            row["destination"] or row["queue"],
            one_line(row["what"], 300),
            _time(row["died"]),
            one_line(row["reason"], 300),
        )
        for row in rows
    )
    tables.show(titles, cells, whole=(0, 1))


@dead.command(short_help="Show one dead item in full.")
@on_stack
@settings
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(config_path: str | None, data: Path, id: str, as_json: bool) -> None:
    """Show all that is known about the dead item ID, and the message that would have been sent.

    The beginning of an ID is enough if it is unique.
    """
    entries = runtime_of(load_config(config_path), data).dead_items.entries()
    match = _whole(id, entries)
    for entry in (entry for entry in entries if entry.item.id == match):
        if as_json:
            tables.print_json(_row(entry) | {"item": entry.keys()})
        else:
            click.echo("\n".join(_lines(entry)))


def _lines(entry: DeadEntry) -> Iterator[str]:
    row = _row(entry)
    for key in ("id", "queue", "destination", "reason"):
        if row[key]:
            yield f"{key:<12} {one_line(str(row[key]), 1_000)}"
    yield f"{'died':<12} {_time(row['died'])} UTC at attempt {row['attempts']}, came in {_time(row['added'])}"
    yield ""
    message = message_of(entry)
    if message is None:
        content = entry.keys() or entry.item.body.decode(errors="replace")
        yield one_line(json.dumps(content, ensure_ascii=False), 4_000)
        return
    yield message.title
    if message.summary:
        yield message.summary
    yield from (f"{fact.label}: {fact.value}" for fact in message.facts)
    yield from (f"{each.count} × {each.description} ({each.severity})" for each in message.findings)
    yield from (line.text for line in message.lines)
    if message.quote:
        yield message.quote


@dead.command(short_help="Put dead items back as new.")
@on_stack
@settings
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them, in all three queues.")
@click.option("--destination", metavar="NAME", help="All messages to this destination.")
def retry(
    config_path: str | None, data: Path, ids: tuple[str, ...], everything: bool, destination: str | None
) -> None:
    """Put dead items back as new: those with these IDs, --all, or those for one --destination.

    The beginning of an ID is enough if it is unique. A `serve` on the same data directory handles them: at
    once if it runs, or else when it starts.
    """
    if sum((bool(ids), everything, destination is not None)) != 1:
        raise Misused("say what to try again: an ID, --all, or --destination NAME")
    runtime = runtime_of(load_config(config_path), data, write=True)
    entries = runtime.dead_items.entries()
    matches = {_whole(id, entries) for id in ids}
    chosen = [
        entry
        for entry in entries
        if everything or entry.item.id in matches or (destination and entry.destination == destination)
    ]
    revived = runtime.dead_items.retry(chosen, person_here(runtime), runtime.now())
    click.echo("nothing is dead" if not chosen else f"{len(revived)} put back, to be tried again")


@dead.command(short_help="Delete dead items for good.")
@on_stack
@settings
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--why", metavar="TEXT", required=True, help="Why they are not needed, for the audit log.")
def discard(config_path: str | None, data: Path, ids: tuple[str, ...], why: str) -> None:
    """Delete the dead items with these IDs for good. Nothing is sent. The audit log keeps who did it and why.

    The beginning of an ID is enough if it is unique. Example:

        huntbridge dead discard 7f3c9a52:office --why "this channel was closed last year"
    """
    if not one_line(why):
        raise Misused("--why is empty: say why the items are not needed")
    runtime = runtime_of(load_config(config_path), data, write=True)
    entries = runtime.dead_items.entries()
    matches = {_whole(id, entries) for id in ids}
    chosen = [entry for entry in entries if entry.item.id in matches]
    discarded = runtime.dead_items.discard(chosen, person_here(runtime), why, runtime.now())
    click.echo(f"{counted(len(discarded), 'dead item')} deleted")


def _whole(given: str, entries: list[DeadEntry]) -> str:
    """The id that `given` is or begins. Raises Failed if there is no such item."""
    if match := whole(given, (entry.item.id for entry in entries), "dead items"):
        return match
    raise Failed(f"there is no dead item {given!r}; `huntbridge dead list` shows those there are")


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
