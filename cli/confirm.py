"""Asks whether a command shall go on."""

from __future__ import annotations

import sys

import click

from cli.exit_codes import Misused

_NOBODY = "nothing was changed, since nobody answered; with --yes the command does not ask"


def confirm(question: str) -> None:
    """End the command unless the answer is yes. For commands with the option --yes.

    Raises click.Abort if the answer is no, and Misused if there is none, as in a script.
    """
    try:
        agreed = click.confirm(question)
    except click.Abort:
        if sys.stdin.isatty():  # Ctrl-C
            raise
        click.echo(err=True)
        raise Misused(_NOBODY) from None
    if not agreed:
        raise click.Abort
