"""Every command with its options, made from what `--help` prints."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator

import click

from cli.main import main
from tests.cli_commands import below
from tests.docs.markdown import code, prose, table

COMMON = "Options of most commands"
Row = tuple[str, str]  # an option as it is written, and its meaning


def commands(
    command: click.Command = main, path: tuple[str, ...] = ("huntbridge",)
) -> Iterator[tuple[str, click.Command]]:
    """Each command and each group of commands with its whole name."""
    yield " ".join(path), command
    if isinstance(command, click.Group):
        for name, inner in below(command).items():
            yield from commands(inner, (*path, name))


def generated() -> str:
    described = dict(commands())
    counted = Counter(row for name, command in described.items() for row in _rows(name, command))
    leaves = [command for command in described.values() if not isinstance(command, click.Group)]
    common = [row for row, count in counted.items() if count > len(leaves) / 2]
    parts = [f"## {COMMON}\n\n" + table(("option", "meaning"), common) + "\n"]
    for name, command in described.items():
        parts += _described(name, command, common)
    return "\n".join(parts)


def _described(name: str, command: click.Command, common: list[Row]) -> Iterator[str]:
    yield f"## {name}\n"
    yield from _paragraphs(command.help or "")
    if isinstance(command, click.Group):
        yield "Commands:\n"
        yield "\n".join(f"* {code(f'{name} {inner}')}" for inner in below(command)) + "\n"
    else:
        context = click.Context(command, info_name=name)
        yield "```text\n" + " ".join([name, *command.collect_usage_pieces(context)]) + "\n```\n"
    rows = _rows(name, command)
    if own := [row for row in rows if row not in common]:
        yield table(("option", "meaning"), own) + "\n"
    if shared := [row[0] for row in rows if row in common]:
        yield f"[{COMMON}](#options-of-most-commands): {', '.join(shared)}.\n"


def _paragraphs(help: str) -> Iterator[str]:
    """A paragraph after \\b is printed as it is, so it is a block of code here."""
    for paragraph in inspect.cleandoc(help).split("\n\n"):
        if paragraph.startswith("\b"):
            yield "```text\n" + inspect.cleandoc(paragraph.removeprefix("\b").strip("\n")) + "\n```\n"
        else:
            yield prose(paragraph) + "\n"


def _rows(name: str, command: click.Command) -> list[Row]:
    context = click.Context(command, info_name=name)
    return [
        _row(option, context)
        for option in command.get_params(context)
        if isinstance(option, click.Option) and not option.hidden and "--help" not in option.opts
    ]


def _row(option: click.Option, context: click.Context) -> Row:
    written, meaning = option.get_help_record(context) or ("", "")
    flags, _, value = written.rpartition(" ")
    if "|" not in value:
        return code(" ".join(written.split())), prose(meaning)
    choices = ", ".join(map(code, value.strip("[]").split("|")))
    return code(flags), f"{prose(meaning)} Choices: {choices}."
