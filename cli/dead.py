"""`huntbridge dead`: shows the items that failed for good, with the reason, and puts them back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.assemble import load_config, runtime_of
from cli.exit_codes import Failed, Misused
from cli.identifiers import whole
from cli.operator import audited
from cli.settings import settings
from cli.stack import on_stack
from receiver.events.parse.webhook import parse
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.ports import DeadItem, Queue
from shared.storage import audit
from shared.text import one_line

MOST = 10_000  # items of each queue that are read


@click.group()
def dead() -> None:
    """Items that failed for good: messages that were not delivered, events and captures that could not be
    handled. Each is kept whole until you put it back.

    With --stack, the items are those of that stack on AWS.
    """


@dataclass(frozen=True)
class _DeadEntry:
    queue: Queue
    item: DeadItem
    content: items.Content | None  # None: the item was written by a newer version, or not by huntbridge

    @property
    def destination(self) -> str:
        return self.content.destination if isinstance(self.content, items.ForDestination) else ""

    @property
    def what(self) -> str:
        if message := self.message():
            return message.title
        match self.content:
            case items.RequestCapture(hunt_id, system):
                return f"capture of {system.get('instance')} for {hunt_id}"
            case items.DeliverDigest(digest_id=digest_id):
                return f"a digest of alarms ({digest_id})"
            case items.OpenProject(hunt_id):
                return f"start of {hunt_id}"
            case items.DeadLetterNotice(about):
                return f"notice about {about}"
            case items.SlackClick(click=clicked):
                return f"a click in Slack, {clicked.action}: {clicked.value}"
            case items.AcknowledgeCase(case_key):
                return f"an acknowledgement of the case: {case_key}"
            case items.Reminder(case_key):
                return f"a reminder of the case: {case_key}"
            case items.RefreshCase(case_key=case_key):
                return f"an edit of the message of the case: {case_key}"
            case items.Ephemeral(text=text):
                return f"an answer to one person: {text}"
        return "not an item of huntbridge"

    def message(self) -> Message | None:
        """The message of the item, composed from what the item holds. None if the item has no message."""
        try:
            match self.content:
                case items.DeliverAlarm(alarm=alarm):
                    return compose(load(Alarm, alarm))
                case items.OwnEvent(event):
                    return compose(Alarm(load(Event, event), Severity.UNKNOWN))
                case items.Webhook(body, received_at):
                    parsed = parse(body, id=self.item.id, received_at=received_at)
                    return compose(Alarm(parsed, Severity.UNKNOWN))
        except ValueError:  # another version wrote the item, so it is shown as it is
            return None
        return None

    def keys(self) -> dict[str, Any]:
        """The item as it is stored, with the body of a webhook as text. Empty if it cannot be read."""
        if self.content is None:
            return {}
        keys = items.keys_of(self.item.body)
        if isinstance(self.content, items.Webhook):
            keys["webhook"] = self.content.body.decode(errors="replace")
        return keys

    def row(self) -> dict[str, Any]:
        return {
            "id": self.item.id,
            "queue": self.queue.name,
            "destination": self.destination or None,
            "what": self.what,
            "added": self.item.added_at.isoformat(),
            "died": self.item.died_at.isoformat(),
            "attempts": self.item.claims,
            "reason": self.item.reason,
        }


@dead.command("list")
@on_stack
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_dead(config_path: str | None, data: Path, as_json: bool) -> None:
    """List the dead items of all three queues, the newest first."""
    rows = [entry.row() for entry in _all(runtime_of(load_config(config_path), data))]
    rows.sort(key=lambda row: str(row["died"]), reverse=True)
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
    entries = list(_all(runtime_of(load_config(config_path), data)))
    match = _whole(id, entries)
    for entry in (entry for entry in entries if entry.item.id == match):
        if as_json:
            tables.print_json(entry.row() | {"item": entry.keys()})
        else:
            click.echo("\n".join(_lines(entry)))


def _lines(entry: _DeadEntry) -> Iterator[str]:
    row = entry.row()
    for key in ("id", "queue", "destination", "reason"):
        if row[key]:
            yield f"{key:<12} {one_line(str(row[key]), 1_000)}"
    yield f"{'died':<12} {_time(row['died'])} UTC at attempt {row['attempts']}, came in {_time(row['added'])}"
    yield ""
    message = entry.message()
    if message is None:
        content = entry.keys() or entry.item.body.decode(errors="replace")
        yield one_line(json.dumps(content, ensure_ascii=False), 4_000)
        return
    yield message.title
    if message.summary:
        yield message.summary
    yield from (f"{fact.label}: {fact.value}" for fact in message.facts)
    yield from (f"{each.count} × {each.description} ({each.severity})" for each in message.findings)
    yield from message.lines
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
    entries = list(_all(runtime))
    matches = {_whole(id, entries) for id in ids}
    chosen = [
        entry
        for entry in entries
        if everything or entry.item.id in matches or (destination and entry.destination == destination)
    ]
    revived = 0
    for queue in _queues(runtime):
        if ids_of_queue := [entry.item.id for entry in chosen if entry.queue is queue]:
            done = queue.revive(ids_of_queue)
            revived += len(done)
            what = f"{len(done)} of {queue.name}"
            audited(runtime, audit.DEAD_RETRY, what, before={"dead": ids_of_queue}, after={"put_back": done})
    click.echo("nothing is dead" if not chosen else f"{revived} put back, to be tried again")


def _queues(runtime: Runtime) -> tuple[Queue, ...]:
    return (runtime.captures, runtime.events, runtime.deliveries)


def _all(runtime: Runtime) -> Iterator[_DeadEntry]:
    for queue in _queues(runtime):
        for item in queue.dead_items(MOST):
            try:
                content: items.Content | None = items.decode(item.body)
            except ValueError:
                content = None
            yield _DeadEntry(queue, item, content)


def _whole(given: str, entries: list[_DeadEntry]) -> str:
    """The id that `given` is or begins. Raises Failed if there is no such item."""
    if match := whole(given, (entry.item.id for entry in entries), "dead items"):
        return match
    raise Failed(f"there is no dead item {given!r}; `huntbridge dead list` shows those there are")


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
