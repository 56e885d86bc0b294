"""`huntbridge config`: what a changed configuration would change, and `serve` goes by it without a stop."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.assemble import load_config
from cli.exit_codes import DataUnusable, Failed, Misused
from cli.settings import settings
from shared.config.changes import Change, changes
from shared.config.changes import settings as settings_of
from shared.local import loaded
from shared.local.data_directory import is_served
from shared.local.loaded import Loaded

# Seconds that `serve` may take. It reads all secrets of the new configuration before it goes by it.
_WITHIN = 60.0
_LOOK = 0.05  # seconds between two looks at its answer
_MOST = 300  # characters that are shown of a value


@click.group(short_help="Compare and reload the configuration of serve.")
def config() -> None:
    """Compare the configuration with the one that `huntbridge serve` goes by, and reload it.

    Both commands are for `serve` on this machine. Run them as the user of `serve`, with its configuration and
    its data directory.
    """


@config.command(short_help="Show what a reload would change.")
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def diff(config_path: str | None, data: Path, as_json: bool) -> None:
    """Show what differs between the configuration now and the one that serve goes by.

    Only settings count: comments, the order of keys and written defaults do not. No secret is shown. The exit
    code is 1 if there is a difference.
    """
    running, found = _compared(data, config_path)
    if as_json:
        rows = [{"setting": one.place, "before": one.before, "after": one.after} for one in found]
        tables.print_json({"loaded_at": running.at, "changes": rows})
    else:
        _show(found, running)
    if found:
        raise click.exceptions.Exit(1)


@config.command(short_help="Have serve load the changed configuration.")
@settings
def reload(config_path: str | None, data: Path) -> None:
    """Have serve load its configuration again, and show what changed.

    No webhook is refused meanwhile, and work in progress ends as it began. If the configuration cannot be
    used, the one before stays in force, and the exit code is 2. Environment variables, --port and --host are
    those of the start.
    """
    running, found = _compared(data, config_path)
    if not running.file:
        raise Misused("serve has no configuration file: start it again with the changed environment")
    if config_path and running.file not in (config_path, str(Path(config_path).absolute())):
        raise Misused(
            f"serve goes by {running.file}: leave out --config, or start it again with another file"
        )
    answer = _ask(running, data)
    if answer.refused:
        raise Misused(f"serve goes on with the configuration that it had: {answer.refused}")
    _show(found, running)
    click.echo("serve has loaded the configuration")


def _compared(data: Path, config_path: str | None) -> tuple[Loaded, list[Change]]:
    """What `serve` goes by, and what differs from it now. Raises DataUnusable, and Misused if the
    configuration is not valid."""
    running = loaded.read(data)
    now = load_config(config_path or (running.file if running else None))
    if running is None or not is_served(data):
        raise DataUnusable(
            f"no serve runs on the data directory {data.absolute()}: name another one with --data or "
            "HUNTBRIDGE_DATA"
        )
    return running, changes(running.settings, settings_of(now))


def _ask(running: Loaded, data: Path) -> Loaded:
    """What `serve` has written down after it was asked to load its configuration."""
    try:
        os.kill(running.pid, signal.SIGHUP)
    except ProcessLookupError:
        raise DataUnusable("serve has just ended, or it runs in another container") from None
    except PermissionError:
        raise DataUnusable("serve belongs to another user: run this command as that user") from None
    until = time.monotonic() + _WITHIN
    while (answer := loaded.read(data) or running).asked == running.asked:
        if not is_served(data):
            raise DataUnusable("serve has ended; its log says why")
        if time.monotonic() > until:
            raise Failed(
                f"serve has not loaded it within {_WITHIN:.0f} seconds; its log says what it does. A serve "
                "that was started with nohup cannot be asked"
            )
        time.sleep(_LOOK)
    return answer


def _show(found: list[Change], running: Loaded) -> None:
    if not found:
        click.echo(f"nothing differs from what serve loaded at {running.at[:19]}Z")
    for one in found:
        if one.before is None:
            click.echo(f"+ {one.place}: {_text(one.after)}")
        elif one.after is None:
            click.echo(f"- {one.place}: {_text(one.before)}")
        else:
            click.echo(f"~ {one.place}: {_text(one.before)} -> {_text(one.after)}")


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"
