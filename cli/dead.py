"""`huntbridge dead`: what could not be delivered or worked, why, and once more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.assemble import Failed, Misused, load_config, runtime_of, settings
from cli.identifiers import whole
from cli.operator import audited
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

MOST = 10_000  # items that are looked at in each queue


@click.group()
def dead() -> None:
    """What could not be delivered or worked. It is kept whole until it is tried again.

    With --stack the queues of that stack on AWS are meant.
    """


_ABOUT_CASES = {
    "acknowledge": "somebody takes the case",
    "remind": "a reminder of the case",
    "refresh": "an edit of the message of the case",
    "whisper": "a word for one person",
}


@dataclass(frozen=True)
class _Found:
    queue: Queue
    item: DeadItem
    content: dict[str, Any]  # empty where huntbridge did not put it there

    @property
    def destination(self) -> str:
        return str(self.content.get("destination", ""))

    @property
    def what(self) -> str:
        if message := self.message():
            return message.title
        if "capture" in self.content:
            return f"capture of {self.content['system'].get('instance')} for {self.content['capture']}"
        if "digest" in self.content:
            return f"a digest of alarms ({self.content['digest']})"
        if "open" in self.content:
            return f"start of {self.content['open']}"
        if "notice" in self.content:
            return f"notice about {self.content['notice']}"
        if "click" in self.content:
            return f"a click in Slack, {self.content['click']['action']}: {self.content['click']['value']}"
        for key, what in _ABOUT_CASES.items():
            if key in self.content:
                return f"{what}: {self.content[key]}"
        return "not an item of huntbridge"

    def message(self) -> Message | None:
        """What would have been sent, as far as it is known; None where this is no event."""
        try:
            if "alarm" in self.content:
                return compose(load(Alarm, self.content["alarm"]))
            if "event" in self.content:
                return compose(Alarm(load(Event, self.content["event"]), Severity.UNKNOWN))
            if "webhook" in self.content:
                at = datetime.fromisoformat(self.content["received_at"])
                event = parse(self.content["webhook"], id=self.item.id, received_at=at)
                return compose(Alarm(event, Severity.UNKNOWN))
        except ValueError:  # of another version's shape: it is shown as it is
            return None
        return None

    def row(self) -> dict[str, Any]:
        return {
            "id": self.item.id,
            "queue": self.queue.name,
            "destination": self.destination or None,
            "what": self.what,
            "added": self.item.added_at.isoformat(),
            "died": self.item.died_at.isoformat(),
            "attempts": self.item.attempts,
            "reason": self.item.reason,
        }


@dead.command("list")
@on_stack
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_dead(config_path: str | None, data: Path, as_json: bool) -> None:
    """Everything that is dead, in all three queues, the newest first."""
    rows = [found.row() for found in _all(runtime_of(load_config(config_path), data))]
    rows.sort(key=lambda row: str(row["died"]), reverse=True)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
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


@dead.command(short_help="All about one dead item.")
@on_stack
@settings
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(config_path: str | None, data: Path, id: str, as_json: bool) -> None:
    """All that is known of the dead item ID, and what would have been sent.

    A unique beginning of an ID is enough.
    """
    there = list(_all(runtime_of(load_config(config_path), data)))
    meant = _whole(id, there)
    for one in (found for found in there if found.item.id == meant):
        if as_json:
            content = {k: _readable(v) for k, v in one.content.items()}
            click.echo(json.dumps(one.row() | {"item": content}, indent=2, ensure_ascii=False))
        else:
            click.echo("\n".join(_told(one)))


def _told(found: _Found) -> Iterator[str]:
    row = found.row()
    for key in ("id", "queue", "destination", "reason"):
        if row[key]:
            yield f"{key:<12} {one_line(str(row[key]), 1_000)}"
    yield f"{'died':<12} {_time(row['died'])} UTC at attempt {row['attempts']}, came in {_time(row['added'])}"
    yield ""
    message = found.message()
    if message is None:
        content = found.content or found.item.body.decode(errors="replace")
        yield one_line(json.dumps(content, ensure_ascii=False, default=_readable), 4_000)
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
    """Put dead items back as new: those of these IDs, --all, or those for one --destination.

    A unique beginning of an ID is enough. A `serve` on the same data directory sends them: at once where one
    runs, else when the next one starts.
    """
    if sum((bool(ids), everything, destination is not None)) != 1:
        raise Misused("say what to try again: an ID, --all, or --destination NAME")
    runtime = runtime_of(load_config(config_path), data, write=True)
    there = list(_all(runtime))
    meant = {_whole(id, there) for id in ids}
    wanted = [
        found
        for found in there
        if everything or found.item.id in meant or (destination and found.destination == destination)
    ]
    revived = 0
    for queue in _queues(runtime):
        if chosen := [found.item.id for found in wanted if found.queue is queue]:
            done = queue.revive(chosen)
            revived += len(done)
            what = f"{len(done)} of {queue.name}"
            audited(runtime, audit.DEAD_RETRY, what, before={"dead": chosen}, after={"put_back": done})
    click.echo("nothing is dead" if not wanted else f"{revived} put back, to be tried again")


def _queues(runtime: Runtime) -> tuple[Queue, ...]:
    return (runtime.captures, runtime.events, runtime.deliveries)


def _all(runtime: Runtime) -> Iterator[_Found]:
    for queue in _queues(runtime):
        for item in queue.dead_items(MOST):
            try:
                content = items.unpack(item.body)
            except ValueError:
                content = {}
            yield _Found(queue, item, content)


def _whole(given: str, there: list[_Found]) -> str:
    """Raises Failed where there is no such item."""
    if found := whole(given, (one.item.id for one in there), "dead items"):
        return found
    raise Failed(f"there is no dead item {given!r}; `huntbridge dead list` shows those there are")


def _readable(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"
