"""Reads an alarm from a file, for the commands that show what would be sent. They send nothing, and ask the
platform and EC2 only with the option --enrich."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import click

from cli.alarm_options import alarm_options
from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Misused
from receiver import assemble
from receiver.events.example import (
    MAX_BYTES,
    Description,
    NotUsable,
    apply,
    minimal_alarm,
    recognise,
    without_facts,
)
from shared.config.config import Config
from shared.config.load import DEFAULT_FILE
from shared.models.alarms import Alarm

_PLACEHOLDER = {"platform": {"url": "https://platform.example", "api_key": "env:API_KEY"}}


def from_file(command: Callable[..., Any]) -> Callable[..., Any]:
    """The argument EVENT.json, the option --enrich, and the options that describe an alarm."""

    @click.argument("file", metavar="[EVENT.json]", type=click.File("rb"), required=False)
    @click.option(
        "--enrich",
        is_flag=True,
        help="Ask the ledger, the platform and EC2, as for a real alarm.",
    )
    @alarm_options
    @functools.wraps(command)
    def with_file(*args: Any, **kwargs: Any) -> Any:
        return command(*args, **kwargs)

    return with_file


def config_or_placeholder(path: str | None) -> Config:
    """The configuration; if there is none, a placeholder without hunts and destinations."""
    if path or Path(DEFAULT_FILE).exists() or os.environ.get("PLATFORM_IP"):
        return load_config(path)
    click.echo(
        f"There is no configuration; the platform is shown as {_PLACEHOLDER['platform']['url']}.", err=True
    )
    return Config.model_validate(_PLACEHOLDER)


def read_alarm(
    file: BinaryIO | None, options: Description, config: Config, data: Path, *, enrich: bool
) -> Alarm:
    """The alarm in the file, or the alarm of the event in the file, with the options applied. Raises
    Misused."""
    if file is None and not options:
        raise Misused(
            "say what it is about: EVENT.json, - for stdin, or options such as --event and --severity"
        )
    try:
        alarm = _from_file(file, config, data, enrich=enrich) if file else minimal_alarm()
        return apply(options, alarm, config)
    except NotUsable as error:
        raise Misused(f"--{error.part} {error}" if error.part else str(error)) from None


def _from_file(file: BinaryIO, config: Config, data: Path, *, enrich: bool) -> Alarm:
    body = file.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise Misused("the file is larger than 1 MiB: this is no event")
    if not body.strip():
        raise Misused("the file is empty")
    content = recognise(body)
    if isinstance(content, Alarm) and not enrich:
        return content
    event = content.event if isinstance(content, Alarm) else content
    if enrich:
        return assemble.enricher(reading_runtime(config, data)).enrich(event)
    return without_facts(event, config)
