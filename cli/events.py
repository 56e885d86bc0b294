"""From a file to an alarm, for the commands that show what would become of it. Nothing is sent, and unless it
is asked for, nobody is asked."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import click

from cli.assemble import Misused, load_config, reading_runtime
from receiver import assemble
from receiver.enrich import Enricher
from receiver.parse import parse
from shared.config import DEFAULT_FILE, Config
from shared.models import Alarm, Event, load

MAX_BYTES = 1024 * 1024  # an alarm as a queue holds it, or a webhook's body, is a quarter of that at most
_ANY = {"platform": {"url": "https://platform.example", "api_key": "env:API_KEY"}}


def from_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument EVENT.json and the option --enrich."""

    @click.argument("file", metavar="EVENT.json", type=click.File("rb"))
    @click.option(
        "--enrich", is_flag=True, help="Look up what a real alarm would say: ledger, platform, EC2."
    )
    @functools.wraps(command)
    def with_file(*args: Any, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    return with_file


def config_or_any(path: str | None) -> Config:
    """The configuration; without any, one that knows no hunts and no destinations."""
    if path or Path(DEFAULT_FILE).exists() or os.environ.get("PLATFORM_IP"):
        return load_config(path)
    click.echo(f"There is no configuration; the platform is shown as {_ANY['platform']['url']}.", err=True)
    return Config.model_validate(_ANY)


def read_alarm(file: BinaryIO, config: Config, data: Path, *, enrich: bool) -> Alarm:
    """The alarm that is in the file, or that its event becomes. Raises Misused."""
    body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Misused("the file is larger than 1 MiB: this is no event")
    if not body.strip():
        raise Misused("the file is empty")
    found = _in(body)
    if isinstance(found, Alarm) and not enrich:
        return found
    event = found.event if isinstance(found, Alarm) else found
    if enrich:
        return assemble.enricher(reading_runtime(config, data)).enrich(event)
    # What was not looked up is no gap: nobody asked.
    return replace(Enricher(None, None, None, config).enrich(event), gaps=())


def _in(body: bytes) -> Alarm | Event:
    """An alarm or an event as huntbridge writes them down; anything else is the body of a webhook."""
    with suppress(ValueError, RecursionError):  # pydantic's ValidationError is a ValueError
        return load(Alarm, body)
    with suppress(ValueError, RecursionError):
        return load(Event, body)
    return parse(body, id="rendered", received_at=datetime.now(UTC))
