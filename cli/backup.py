"""`huntbridge backup` and `huntbridge restore`: all data of one machine in one file, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.assemble import load_config, on_aws, runtime_of
from cli.data import has_database
from cli.exit_codes import DataUnusable, Misused
from cli.operator import audited
from cli.settings import settings
from cli.stack import on_stack
from shared.hosting.runtime import DATABASE, Runtime, utc_now
from shared.local.backup import delete_backup, make_backup
from shared.local.data_directory import AlreadyServed, sole_server
from shared.local.inbox import FOLDER
from shared.local.restore import restore as restore_from
from shared.storage import audit, backups
from shared.storage.backups import Backup
from shared.storage.ports import StoreError

_ON_AWS = (
    "on AWS the table keeps its own backups: DynamoDB can restore it as it was at any second of the last 35 "
    "days (point-in-time recovery); docs/operate/backup.md says how"
)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Write all data into one file.")
@on_stack
@settings
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--keep",
    type=click.IntRange(1),
    metavar="N",
    help="If FILE is a folder: keep the newest N backups there, and delete older ones.",
)
@click.option("--list", "show_list", is_flag=True, help="List the backups that were made.")
@click.option("--json", "as_json", is_flag=True, help="With --list: print JSON.")
@click.option(
    "--forget", type=_FILE, metavar="FILE", help="Take a backup that you deleted elsewhere off the list."
)
def backup(
    config_path: str | None,
    data: Path,
    file: Path | None,
    keep: int | None,
    show_list: bool,
    as_json: bool,
    forget: Path | None,
) -> None:
    """Write all data of this machine into FILE, also while `serve` runs.

    If FILE is a folder, the backup gets a name of its own there. The backup holds what webhooks said about
    your systems, so keep it as safe as the data. It holds no secrets and no configuration.

    \b
    Every night, and two weeks of them:  huntbridge backup /var/backups/huntbridge --keep 14
    Which ones are there:                huntbridge backup --list
    """
    if sum((file is not None, show_list, forget is not None)) != 1:
        raise Misused("say where to write the backup, or --list, or --forget FILE")
    if keep and not (file and _is_folder(file)):
        raise Misused("--keep needs a folder that exists")
    config = load_config(config_path)
    if on_aws():
        raise Misused(_ON_AWS)
    runtime = runtime_of(config, data, write=not show_list)
    if show_list:
        _show(backups.listed(runtime.store), as_json)
    elif forget:
        _forget(runtime, forget)
    elif file:
        _make(runtime, data, file, keep)


def _is_folder(file: Path) -> bool:
    return os.access(file, os.F_OK) and file.is_dir()  # without the first, no right to look raises OSError


def _make(runtime: Runtime, data: Path, file: Path, keep: int | None) -> None:
    now = runtime.now()
    to = (file / f"huntbridge-{now:%Y%m%dT%H%M%SZ}.db" if _is_folder(file) else file).absolute()
    made = Backup(now, str(to))
    backups.add(runtime.store, made)  # first, so that the backup knows when it was made
    try:
        make_backup(data / DATABASE, data / FOLDER, to)
    except StoreError:
        backups.remove(runtime.store, made)
        raise
    click.echo(f"{to} holds all data of {now:%Y-%m-%d %H:%M:%S} UTC, in {to.stat().st_size / 1e6:,.1f} MB")
    if keep:
        _delete_old(runtime, to.parent, keep)


def _delete_old(runtime: Runtime, folder: Path, keep: int) -> None:
    """Delete all but the newest backups that were made in the folder."""
    there = [each for each in backups.listed(runtime.store) if Path(each.file).parent == folder]
    for old in there[:-keep]:
        try:
            delete_backup(Path(old.file))
        except OSError as error:
            raise DataUnusable(f"{old.file} cannot be deleted: {error.strerror}") from None
        backups.remove(runtime.store, old)
        click.echo(f"{old.file} was deleted")


def _forget(runtime: Runtime, file: Path) -> None:
    found = [each for each in backups.listed(runtime.store) if each.file == str(file.absolute())]
    if not found:
        raise Misused(f"{file} is not on the list; `huntbridge backup --list` shows it")
    if os.access(file, os.F_OK):
        raise Misused(f"{file} is still there: delete it first")
    for each in found:
        backups.remove(runtime.store, each)
    click.echo(f"{file} is not on the list any more")


def _show(listed: list[Backup], as_json: bool) -> None:
    rows = [_row(each) for each in listed]
    if as_json:
        tables.print_json(rows)
    elif not rows:
        click.echo("no backup was made")
    else:
        cells = (
            (f"{each.at:%Y-%m-%d %H:%M}", _state(row), each.file)
            for each, row in zip(listed, rows, strict=True)
        )
        tables.show(("Made (UTC)", "State", "File"), cells, whole=(0, 2))


def _row(backup: Backup) -> dict[str, Any]:
    return {"made": backup.at.isoformat(), "file": backup.file, "there": os.access(backup.file, os.F_OK)}


def _state(row: dict[str, Any]) -> str:
    return "there" if row["there"] else "not there: moved or deleted"


@click.command(short_help="Bring all data back from a backup.")
@on_stack
@settings
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Replace the data that is there.")
def restore(config_path: str | None, data: Path, file: Path, replace: bool) -> None:
    """Bring all data back from the backup FILE. Stop `serve` first.

    Messages that were sent after the backup may be sent again. Each of them says that it may be a repeat.
    Webhooks that came after the backup are not in it. If `follow.all_projects` is on, huntbridge finds their
    alarms again on the platform.
    """
    config = load_config(config_path)
    if on_aws():
        raise Misused(_ON_AWS)
    try:
        file.stat()
    except FileNotFoundError:
        raise Misused(f"there is no file {file}") from None
    except OSError as error:
        raise Misused(f"{file} cannot be read: {error.strerror}") from None
    if has_database(data) and file.samefile(data / DATABASE):
        raise Misused(f"{file} is the database itself: name a backup of it")
    if has_database(data) and not replace:
        raise DataUnusable(
            f"the data directory {data.absolute()} has data already: `huntbridge backup FILE` keeps it, and "
            "--replace replaces it"
        )
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DataUnusable(f"the data directory {data} cannot be made: {error.strerror}") from None
    try:
        with sole_server(data):
            restored = restore_from(file, data / DATABASE, utc_now())
            runtime = runtime_of(config, data, write=True)
    except AlreadyServed:
        raise DataUnusable(f"huntbridge serves {data.absolute()}: stop it first") from None
    taken = f"{restored.taken_at:%Y-%m-%d %H:%M:%S}"
    audited(runtime, audit.RESTORE, f"the backup of {taken} UTC")
    click.echo(f"the data of {taken} UTC is restored; start `huntbridge serve` now")
    click.echo("messages that were sent since then may be sent again, and say so")
