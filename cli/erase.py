"""`huntbridge export` and `huntbridge erase`: what is stored about a system or a case, or before a day."""

from __future__ import annotations

import functools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli.assemble import load_config, on_aws, runtime_of
from cli.exit_codes import DataUnusable, Failed, Misused
from cli.find_case import case_key
from cli.find_system import system_key
from cli.moments import Moment
from cli.operator import audited
from cli.settings import settings
from cli.stack import on_stack
from shared.hosting.runtime import DATABASE, Runtime
from shared.local.conversion import earlier_files
from shared.local.data_directory import AlreadyServed, sole_server
from shared.local.inbox import FOLDER
from shared.local.inbox_import import import_all
from shared.local.queue import SqliteQueue
from shared.local.sweep import documents_in
from shared.models.systems import System
from shared.queues.erasing import Found, find
from shared.queues.erasing import erase as erase_found
from shared.storage import audit, backups
from shared.storage.backups import Backup
from shared.storage.ports import StoreError
from shared.storage.selection import Selection, Selector

Choose = Callable[[Runtime], Selector]


def _selectors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what is meant. The command gets `choose`, which finds it."""

    @click.option("--system", metavar="SYSTEM", help="All about this system: its key, id or name.")
    @click.option("--case", metavar="CASE_OR_EVENT", help="All about this case.")
    @click.option(
        "--before",
        type=Moment(),
        help="All alarms, closed cases, hunts and audit entries before 2026-01-01, or 365d ago.",
    )
    @functools.wraps(command)
    def with_selectors(
        *args: Any, system: str | None, case: str | None, before: datetime | None, **kwargs: Any
    ) -> Any:
        if sum(each is not None for each in (system, case, before)) != 1:
            raise Misused("say what is meant: --system, --case or --before")
        if before and before > datetime.now(UTC):
            raise Misused(f"--before {before:%Y-%m-%d} is in the future")

        def choose(runtime: Runtime) -> Selector:
            if system is not None:
                key = system_key(runtime.queries, system, beginnings=False)
                return Selector(system=System.from_key(key))
            return Selector(case=case_key(runtime, case) if case is not None else "", before=before)

        return command(*args, choose=choose, **kwargs)

    return with_selectors


@click.command(short_help="Print all that is stored about a system or a case.")
@on_stack
@settings
@_selectors
def export(config_path: str | None, data: Path, choose: Choose) -> None:
    """Print all that is stored about a system, about a case, or from before a day, as JSON lines.

    A line is a document or an item of a queue. A document with "mention": true is not about it alone.

    \b
    Example:  huntbridge export --system prod/us-east-1/i-0123456789abcdef0 > export.jsonl
    """
    runtime = runtime_of(load_config(config_path), data)
    empty = True
    for line in _find(runtime, choose).lines():
        click.echo(json.dumps(line, ensure_ascii=False))
        empty = False
    if empty:
        click.echo("nothing is stored about that", err=True)


@click.command(short_help="Erase all that is stored about a system or a case.")
@on_stack
@settings
@_selectors
@click.option("--yes", is_flag=True, help="Erase it. Otherwise the command only shows what it would erase.")
def erase(config_path: str | None, data: Path, choose: Choose, yes: bool) -> None:
    """Erase all that is stored about a system, about a case, or from before a day.

    Cases must be closed and hunts over. On one machine, stop `serve` first. Documents about other systems
    stay, without the mention. What other tools hold is not erased: Slack, Teams, Jira, the platform, logs.

    \b
    See what it would erase:  huntbridge erase --system i-0123456789abcdef0
    Erase it for good:        huntbridge erase --system i-0123456789abcdef0 --yes
    """
    config = load_config(config_path)
    runtime = runtime_of(config, data, write=True)
    with _alone(runtime, data, yes):
        found = _find(runtime, choose)
        if problems := found.selection.problems:
            raise Failed("\n".join(dict.fromkeys(problems)))
        click.echo(_counts(found, yes))
        if yes and (found.pieces or found.items):
            assert runtime.sweep is not None
            erase_found(found, runtime.store, runtime.sweep())
            _audit(runtime, found)
        _tell_of_backups(runtime, data, found.selection.selector, yes)
    if not yes:
        click.echo("nothing is erased yet: add --yes")


@contextmanager
def _alone(runtime: Runtime, data: Path, yes: bool) -> Iterator[None]:
    """On one machine: with `yes`, keep `serve` away and import what its inbox holds."""
    if on_aws() or not yes:
        yield
        return
    try:
        with sole_server(data):
            assert isinstance(runtime.events, SqliteQueue)
            import_all(runtime.events, data / FOLDER)
            yield
    except AlreadyServed:
        raise DataUnusable(f"huntbridge serves {data.absolute()}: stop it first") from None


def _find(runtime: Runtime, choose: Choose) -> Found:
    assert runtime.sweep is not None
    return find(choose(runtime), runtime.sweep())


def _counts(found: Found, yes: bool) -> str:
    if not found.pieces and not found.items:
        return "nothing is stored about it"
    parts = (
        ("documents", found.whole),
        ("mentions in other documents", found.changed),
        ("items", Counter(f"dead in {item.queue}" if item.died_at else item.queue for item in found.items)),
    )
    title = "erased:" if yes else "this would be erased:"
    return "\n".join(
        [title]
        + [
            f"  {counts.total():,} {what}: " + ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
            for what, counts in parts
            if counts
        ]
    )


def _audit(runtime: Runtime, found: Found) -> None:
    """Say that something was erased, and nothing that identifies it."""
    selector = found.selection.selector
    about = f"everything before {selector.before:%Y-%m-%d}" if selector.before else "a case"
    if selector.system:
        about = "a system"
    counts = {"documents": found.whole.total(), "mentions": found.changed.total(), "items": len(found.items)}
    audited(runtime, audit.ERASE, about, after=counts)


def _tell_of_backups(runtime: Runtime, data: Path, selector: Selector, yes: bool) -> None:
    if on_aws():
        click.echo("DynamoDB's point-in-time recovery can bring it back for up to 35 days")
        return
    for path in earlier_files(data / DATABASE):
        if yes:
            path.unlink(missing_ok=True)
        click.echo(f"{'deleted' if yes else 'would be deleted'}: {path}, the data of an earlier version")
    for backup in backups.listed(runtime.store):
        if holds := _holds(backup, selector):
            click.echo(f"{backup.file} {holds}: delete it, then `huntbridge backup --forget` it")


def _holds(backup: Backup, selector: Selector) -> str:
    """What a person must know of this backup; empty if it holds nothing of the selected."""
    file = Path(backup.file)
    if not os.access(file, os.F_OK):  # also if its folder cannot be read
        return f"of {backup.at:%Y-%m-%d} is not there, and may hold it"
    try:
        selection = Selection.find(selector, lambda: documents_in(file))
        held = next(selection.pieces(documents_in(file)), None)
    except StoreError as error:
        return f"may hold it ({error})"
    return f"of {backup.at:%Y-%m-%d} holds it" if held else ""
