"""Finds the commands of huntbridge that the pages show, and compares them with those that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click

from cli.main import main

_ENDS = re.compile(r"\s(?:&&|\|\||[;|>]|2>)\s")  # where another command begins, or the output goes elsewhere
_COMMENT = re.compile(r"(?:^|\s)#.*")
# Of these programs, `huntbridge` is the name of a package, a service or a stack.
_OTHERS = {"aws", "gh", "journalctl", "systemctl", "systemd-analyze", "pipx", "pip", "curl", "chown"}
_ELLIPSIS = ("…", "...")


def commands_in(script: str) -> Iterator[list[str]]:
    """The arguments of each call of huntbridge in a block of shell, whatever runs it."""
    for line in joined(script).splitlines():
        for part in _ENDS.split(_COMMENT.sub("", line)) if "huntbridge" in line else ():
            yield from _call(part.strip())


def joined(script: str) -> str:
    """With each command on one line."""
    return script.replace("\\\n", " ")


def _call(text: str) -> Iterator[list[str]]:
    words = shlex.split(text)
    program = next((word for word in words if word != "sudo" and "=" not in word), "")
    places = [at for at, word in enumerate(words) if word == "huntbridge" or word.endswith("/bin/huntbridge")]
    if not places or program in _OTHERS:
        return
    arguments = words[places[0] + 1 :]
    if arguments[:1] == ["huntbridge"]:  # the command in the container of this name
        del arguments[0]
    if arguments:
        yield arguments


def mistake(arguments: list[str], *, whole: bool = True) -> str | None:
    """What is wrong with a command; None if nothing is. `whole`: what is required must be there."""
    command: click.Command = main
    context = click.Context(main, info_name="huntbridge")
    rest = list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        found = [command.get_command(context, choice) for choice in name.split("|")]
        if None in found:
            return f"there is no command {name}"
        command = found[0] or command
        context = click.Context(command, info_name=name, parent=context)
    return _mistake_in(command, context, [word for word in rest if word not in _ELLIPSIS], whole)


def _mistake_in(command: click.Command, context: click.Context, rest: list[str], whole: bool) -> str | None:
    if isinstance(command, click.Group) and whole and not rest:
        return "a command of this group is missing"
    try:
        values, left, _ = command.make_parser(context).parse_args(rest)
    except click.UsageError as error:
        return str(error) if whole or not isinstance(error, click.BadOptionUsage) else None
    if left:
        return f"more than the command takes: {' '.join(left)}"
    for parameter in command.params:
        value = values.get(parameter.name or "")
        if whole and parameter.required and parameter.value_is_missing(value) and "--help" not in rest:
            return f"{parameter.human_readable_name} is missing"
        choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
        if choices and isinstance(value, str) and value.islower() and value not in choices:
            return f"{value} is no choice of {parameter.opts[0]}"
    return None
