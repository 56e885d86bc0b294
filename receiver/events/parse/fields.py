"""A webhook's body as named values: what is a value of which key, and which values are names that somebody
else chose, such as a file's path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

_MAX_KEY = 64  # characters: a key goes before the keys of all its values
# Keys whose values somebody else chose: a file on a captured disk, the name of a machine, a command line.
_CHOSEN = re.compile(
    r"(?:(?<!pro)files?|paths?|art[ei]facts?|folders?|director(?:y|ies)|(?<!severity)names?|hosts?|users?|commands?|"
    r"commandlines?|cmdlines?|cmd|arguments|argv|process|processes|executables?|images?|urls?|uris?|links?|"
    r"domains?|hash(?:es)?|registrykeys?|tags?)\Z"
)


@dataclass(frozen=True)
class Wrapped:
    """A string that held JSON or the repr of a Python value: `$Event` of a detection, for example."""

    tree: Any


class Field(NamedTuple):
    names: tuple[str, str]  # its key, and its key with its parent's in front: "id", "projectid"
    value: str | int | bool | None
    inner: bool  # from a string that held a structure, and so not from the template
    chosen: bool = False  # a name or a path, or a part of one
    whole: bool = False  # a structure as text: its values are fields of their own


def fields_of(
    tree: Any, key: str = "", parent: str = "", inner: bool = False, chosen: bool = False
) -> Iterator[Field]:
    if isinstance(tree, Wrapped):
        yield Field((key, parent + key), lines(tree.tree), inner, chosen, True)
        yield from fields_of(tree.tree, key, parent, True, chosen)
    elif isinstance(tree, dict):
        named = [(key_name(given), value) for given, value in tree.items()]
        labelled = any(_is_label(*pair) for pair in named)
        if key and (pair := _labelled(named)):
            chosen = chosen or labelled
            yield Field(("value", f"{key}value"), ": ".join(pair), inner, chosen)
            return
        for name, value in named:
            own = bool(_CHOSEN.search(key + name)) or (labelled and name in ("value", "values"))
            yield from fields_of(value, name, key, inner, chosen or own)
    elif isinstance(tree, list):
        for value in tree:
            yield from fields_of(value, key, parent, inner, chosen)
    else:
        yield Field((key, parent + key), tree, inner, chosen)


def _is_label(name: str, value: Any) -> bool:
    """`{"title": "Path", "value": …}`, as Slack, Teams and tags write what others write `{"path": …}`."""
    label = name in ("name", "title", "key", "label", "field") and isinstance(value, str)
    return label and bool(_CHOSEN.search(key_name(value)))


# Words that a card or a block has beside a label and its value.
_OF_LABEL = frozenset({"title", "key", "label", "field", "value", "short", "type"})


def _labelled(named: list[tuple[str, Any]]) -> tuple[str, str] | None:
    """Label and value of `{"title": "Severity", "value": "High"}`, which says one thing and is no title."""
    found = dict(named)
    labels = [found[name] for name in ("title", "key", "label", "field") if name in found]
    if "value" not in found or len(labels) != 1 or not found.keys() <= _OF_LABEL:
        return None
    label, value = labels[0], found["value"]
    if not isinstance(label, str) or isinstance(value, dict | list | Wrapped | None):
        return None
    return label[:_MAX_KEY].strip(" *_:"), str(value)


def key_name(key: str) -> str:
    return re.sub(r"[\W_]+", "", key[:_MAX_KEY]).lower()


def lines(tree: Any) -> str:
    """A structure as a person would write it down: one `key: value` a line."""
    if not isinstance(tree, dict):
        return shown(tree)
    return "\n".join(f"{key}: {shown(value)}" for key, value in tree.items())


def shown(value: Any) -> str:
    return (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=lambda o: o.tree)
    )
