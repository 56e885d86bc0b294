"""Turns what pydantic reports into sentences for the person who wrote the configuration.

The sentences are our own: pydantic's show its internals and the values, which may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from shared.config.errors import KeysError
from shared.config.suggestions import advice, closest, quoted
from shared.config.yaml import Document, Path, Problem
from shared.models.systems import Kind

_SENTENCES = {
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a section: keys and values, indented",
    "model_type": "must be a section: keys and values, indented",
    "model_attributes_type": "must be a section: keys and values, indented",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be more than {gt:.15g}",
    "greater_than_equal": "must be {ge:.15g} or more",
    "less_than_equal": "must be at most {le:.15g}",
    "bool_type": "must be true or false",
}


def explain(error: ValidationError, root: type[BaseModel], document: Document) -> list[Problem]:
    """Every error that pydantic found in the document's data when it validated them as `root`."""
    items = error.errors(include_url=False, include_input=False)
    problems: list[Problem] = []
    misspelt: set[Path] = set()  # the keys that were probably meant; they are not reported as missing too
    for item in items:
        if item["type"] == "extra_forbidden":
            path, key = _path(item["loc"]), str(item["loc"][-1])
            known = _keys(root, item["loc"][:-1])
            problems.append((path, f"unknown key{advice(key, known)}"))
            if meant := closest(key, known):
                misspelt.add((*path[:-1], meant))
    for item in items:
        path, context = _path(item["loc"]), item.get("ctx", {})
        if item["type"] == "extra_forbidden" or path in misspelt:
            continue
        if isinstance(cause := context.get("error"), KeysError):
            problems += _key_problems(cause, path, document)
        elif item["type"] == "union_tag_not_found":
            types = _listed([_type_of(section) for section in _sections_at(root, item["loc"])])
            problems.append(((*path, "type"), f"{document.missing}; write {types}"))
        else:
            problems.append(_problem(item["type"], path, context, document))
    return problems


def _key_problems(error: KeysError, section: Path, document: Document) -> Iterator[Problem]:
    class Words(dict[str, str]):
        def __missing__(self, key: str) -> str:
            return document.key((*section, key))

    words = Words(missing=document.missing)
    for key, text in error.problems:
        yield ((*section, key) if key else section), text.format_map(words)


def _problem(kind: str, path: Path, context: dict[str, Any], document: Document) -> Problem:
    if kind == "value_error":
        return path, str(context["error"])
    if kind == "missing":
        return path, document.missing
    if kind == "union_tag_invalid" and path[:1] == ("hunts",):  # a target
        word = context["tag"]
        return (*path, "kind"), f"{quoted(word)} is not a kind of system{advice(word, Kind)}"
    if kind == "union_tag_invalid":
        return (*path, "type"), _not_a_choice(context["tag"], context["expected_tags"])
    value = _value(document.data, path)
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


def _listed(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _path(loc: tuple[int | str, ...]) -> Path:
    """The place in the document. pydantic's `loc` also has marks: for a key, for the type of a destination,
    and for the kind of a target."""
    if loc and loc[-1] == "[key]":
        loc = loc[:-1]
    mark = 2 if loc[:1] == ("destinations",) else len(loc)
    if loc[:1] == ("hunts",) and loc[2:3] == ("targets",):
        mark = 4
    return loc[:mark] + loc[mark + 1 :]


def _value(data: Any, path: Path) -> Any:
    for step in path:
        if isinstance(data, str):
            break  # the document has a single value where the path expects a list
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            break
    return data


def _keys(root: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the section at `loc` may have."""
    section = _sections_at(root, loc)[0]
    return [field.alias or name for name, field in section.model_fields.items() if not field.exclude]


def _sections_at(root: type[BaseModel], loc: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """The section at `loc`, or the sections that it may be if `loc` does not say which."""
    sections, is_name = [root], False
    for step in loc:
        if is_name:
            is_name = False
        elif len(sections) > 1:
            sections = [section for section in sections if _is_marked(section, step)]
        else:
            fields = sections[0].model_fields.items()
            annotation = next(field.annotation for name, field in fields if (field.alias or name) == step)
            sections = list(_sections_in(annotation))
            is_name = get_origin(annotation) in (dict, tuple)
    return sections


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _sections_in(part)


def _is_marked(section: type[BaseModel], mark: int | str) -> bool:
    """Whether `mark` is how pydantic's `loc` names this section: by its type, or else by its name."""
    return mark == (_type_of(section) or section.__name__)


def _type_of(section: type[BaseModel]) -> str:
    field = section.model_fields.get("type")
    return str(get_args(field.annotation)[0]) if field else ""
