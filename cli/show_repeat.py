"""Shows what would be sent if an event were sent again."""

from __future__ import annotations

import click

from cli import tables
from receiver.destinations import registry
from receiver.messages.compose import compose
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.text import one_line


def show_repeat(alarm: Alarm, destination: str, runtime: Runtime, *, as_json: bool) -> None:
    """Print the title and the summary of the message; as JSON, the whole request to the destination."""
    section = runtime.config.destinations[destination]
    message = compose(alarm, runtime.config)
    if as_json:
        tables.print_json(registry.preview(section.type, message, section).body)
        return
    click.echo(f"{destination} ({section.type}) would get:")
    for text in (message.title, message.summary):
        click.echo(f"  {one_line(text, 1_000)}")
    click.echo("nothing was sent; --send sends it, and --json shows all of it")
