"""Collects the texts that people read: pages, help, pages of the console, messages, and texts in the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click

from cli.main import main
from tests.cli_commands import below
from tests.docs.readability import LONGEST_SENTENCE, prose_of

ROOT = Path(__file__).parents[2]
PRODUCT = ("cli", "console", "demo", "receiver", "scheduler", "shared")
_JINJA = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PRINTED = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_SCRIPT = re.compile(r"<(script|style|svg)\b.*?</\1>", re.DOTALL)
_INLINE = re.compile(r"(?!<span class=.line)</?(?:a|b|em|strong|code|span|i|time|abbr|kbd|small)\b[^>]*>")
_NO_PROSE = re.compile(
    r"\(\?|[\])][*+?{]|\\[\w.]|\b(?:NOT NULL|CROSS JOIN|INSERT INTO)\b"
)  # patterns and SQL
_ID = re.compile(r"\b(?:i|vol|key)-[0-9a-f]{6,}|\barn:\S+")
_TAG = re.compile(r"<[^>]+>")


def pages() -> list[Path]:
    """Every Markdown page that is for readers of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def helps(group: click.Group = main, path: tuple[str, ...] = ("huntbridge",)) -> Iterator[tuple[str, str]]:
    """The name of each command, and what its --help says: the text, then each option's."""
    for command_path, command in [(path, group), *_commands(group, path)]:
        options = [
            option.help for option in command.params if isinstance(option, click.Option) and option.help
        ]
        yield " ".join(command_path), prose_of("\n\n".join([_line_by_line(command.help or ""), *options]))


def _line_by_line(text: str) -> str:
    """Click prints a paragraph that begins with \\b line by line, so each of its lines is a sentence."""
    return re.sub(
        r"^ *\x08\n(?:.*\S.*\n?)+",
        lambda lines: re.sub(r"\n\s*", "\n\n", lines[0][1:]),
        text,
        flags=re.MULTILINE,
    )


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in below(group).items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


def screens() -> Iterator[tuple[str, str]]:
    """The texts of each template of the console and of the demo. A printed value counts as one word."""
    for path in sorted(
        [*ROOT.glob("console/templates/**/*.html"), *ROOT.glob("demo/**/templates/**/*.html")]
    ):
        text = _PRINTED.sub("value", _SCRIPT.sub("\n\n", _JINJA.sub(" ", path.read_text("utf-8"))))
        yield str(path.relative_to(ROOT)), _TAG.sub("\n\n", _INLINE.sub("", text))


def messages() -> Iterator[tuple[str, str]]:
    """The texts of each golden card of Teams, which has the words of a message one by one. A fact joins its
    parts by semicolons; each part is measured. Cards that are full of an attacker's words say nothing about
    ours."""
    for path in sorted((ROOT / "tests/receiver/destinations/teams/golden").glob("*.json")):
        if not any(word in path.stem for word in ("hostile", "huge", "many", "unicode")):
            text = "\n\n".join(_shown(json.loads(path.read_text("utf-8"))))
            yield str(path.relative_to(ROOT)), _ID.sub("", text).replace("; ", "\n\n")


def _shown(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for part in value:
            yield from _shown(part)
    elif isinstance(value, dict):
        yield from (value[key] for key in ("text", "title", "value") if isinstance(value.get(key), str))
        yield from _shown(list(value.values()))


def strings() -> Iterator[tuple[str, str]]:
    """The place and the content of each text in the product's code: logs, errors, notices and docstrings. A
    text of fewer than 31 words needs no measuring. A
    value within a text counts as one word."""
    for path in sorted(path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")):
        for line, text in _strings_in(ast.parse(path.read_text("utf-8"))):
            if text.count(" ") + text.count("\n") >= LONGEST_SENTENCE and not _NO_PROSE.search(text):
                yield f"{path.relative_to(ROOT)}:{line}", prose_of(_line_by_line(text))


def _strings_in(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.JoinedStr):
        parts = [str(part.value) if isinstance(part, ast.Constant) else "value" for part in node.values]
        yield node.lineno, "".join(parts)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    for child in ast.iter_child_nodes(node):
        yield from _strings_in(child)
