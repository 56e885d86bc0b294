"""From what pydantic finds wrong to sentences for the person who wrote the configuration.

The words are this house's own: pydantic's would show its internals, and the values, which may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shared.config.yaml import Document, Path, Problem


class ConfigError(Exception):
    """What is wrong with the configuration, one line each: `file:line: where: what, and what to do`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


_LONGEST_LIST = 12
_SHORT = 60
_SENTENCES = {
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a section: keys and values, indented",
    "model_type": "must be a section: keys and values, indented",
    "model_attributes_type": "must be a section: keys and values, indented",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be {ge:g} or more",
    "less_than_equal": "must be at most {le:g}",
    "bool_type": "must be true or false",
}


def quoted(text: str) -> str:
    """A value for a message: short, printable, in quotes."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return f"'{shown if len(shown) <= _SHORT else shown[: _SHORT - 1] + '…'}'"


def closest(word: str, choices: Iterable[str]) -> str | None:
    return next(iter(_closest(word, choices)), None)


def _closest(word: str, choices: Iterable[str]) -> list[str]:
    """The choice that is most like the word; more than one where they are equally like it."""
    by_lower = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), by_lower, n=3)
    likeness = [SequenceMatcher(None, candidate, word.lower()).ratio() for candidate in found]
    return sorted(by_lower[c] for c, ratio in zip(found, likeness, strict=True) if ratio == likeness[0])


def advice(word: str, choices: Iterable[str]) -> str:
    """What follows a wrong word: the one that was meant, or the few that there are."""
    choices = list(choices)
    if meant := _closest(word, choices):
        return f"; did you mean {' or '.join(meant)}?"
    if 0 < len(choices) <= _LONGEST_LIST:
        return f"; write one of {', '.join(choices)}" if len(choices) > 1 else f"; write {choices[0]}"
    return ""


def explain(error: ValidationError, root: type[BaseModel], document: Document) -> list[Problem]:
    """Every error of `root` over the document's data, each at its path."""
    found = error.errors(include_url=False, include_input=False)
    problems: list[Problem] = []
    meant: set[Path] = set()  # keys that are there, in another spelling
    for item in found:
        loc = item["loc"]
        if item["type"] == "extra_forbidden":
            keys = _keys(root, loc[:-1])
            path = _path(loc)
            problems.append((path, f"unknown key{advice(str(loc[-1]), keys)}"))
            if key := closest(str(loc[-1]), keys):
                meant.add((*path[:-1], key))
    for item in found:
        path = _path(item["loc"])
        if item["type"] != "extra_forbidden" and path not in meant:
            problems.append(_problem(item["type"], path, item.get("ctx", {}), document))
    return problems


def _problem(kind: str, path: Path, context: dict[str, Any], document: Document) -> Problem:
    if kind == "value_error":
        return path, str(context["error"])
    if kind == "missing":
        return path, document.missing
    if kind == "union_tag_not_found":
        return (*path, "type"), f"{document.missing}; write slack, teams, jira or webhook"
    value = _value(document.data, path)
    if kind == "union_tag_invalid":
        path, value = (*path, "type"), context["tag"]
        return path, _not_a_choice(value, context["expected_tags"])
    if kind == "literal_error":
        return path, _not_a_choice(value, context["expected"])
    if value is None:
        return path, "has no value"
    text = _SENTENCES.get(kind, "cannot be used").format_map(context)
    if kind == "string_type" and isinstance(value, bool | int | float):
        text += "; write it in quotes"
    return path, text


def _not_a_choice(value: object, expected: str) -> str:
    if value is None:
        return "has no value"
    word = str(value)
    choices = re.findall(r"'([^']*)'", expected)  # as pydantic lists them: 'full', 'triage' or 'scan'
    return f"{quoted(word)} is not known{advice(word, choices)}"


def _path(loc: tuple[int | str, ...]) -> Path:
    """Where it stands in the document, without pydantic's marks for a key, a destination's type and a
    target's kind."""
    if loc and loc[-1] == "[key]":
        loc = loc[:-1]
    mark = 2 if loc[:1] == ("destinations",) else len(loc)
    if loc[:1] == ("hunts",) and loc[2:3] == ("targets",):
        mark = 4
    return loc[:mark] + loc[mark + 1 :]


def _value(data: Any, path: Path) -> Any:
    for step in path:
        if isinstance(data, str):
            break  # a path that ends in the one value that stands for a list
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            break
    return data


def _keys(root: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand in the section at `loc`."""
    sections, is_name = [root], False
    for step in loc:
        if is_name:
            is_name = False
        elif len(sections) > 1:
            sections = [s for s in sections if _is_marked(s, step)]
        else:
            fields = sections[0].model_fields.items()
            annotation = next(f.annotation for name, f in fields if (f.alias or name) == step)
            sections = list(_sections(annotation))
            is_name = get_origin(annotation) in (dict, tuple)
    return [f.alias or name for name, f in sections[0].model_fields.items() if not f.exclude]


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _sections(part)


def _is_marked(section: type[BaseModel], mark: int | str) -> bool:
    """Whether it is the one of several that pydantic means: by its type, or by its name where it has none."""
    kind = section.model_fields.get("type")
    return mark in get_args(kind.annotation) if kind else mark == section.__name__
