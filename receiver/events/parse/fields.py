"""Lists the named values of a structure, and marks the values that somebody else chose, such as the path of a
file on a captured disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

_MAX_KEY = 64  # characters; otherwise a long key would be repeated in front of all its values
# Keys whose values somebody else may have chosen: a file on a captured disk, a machine's name, a command
# line.
_UNTRUSTED_KEY = re.compile(
    r"(?:(?<!pro)files?|paths?|art[ei]facts?|folders?|director(?:y|ies)|(?<!severity)names?|hosts?|users?|commands?|"
    r"commandlines?|cmdlines?|cmd|arguments|argv|process|processes|executables?|images?|urls?|uris?|links?|"
    r"domains?|hash(?:es)?|registrykeys?|tags?)\Z"
)


@dataclass(frozen=True)
class Nested:
    """The value of a string that contained JSON or the repr of a Python value, such as `$Event` of a
    detection."""

    tree: Any


class Field(NamedTuple):
    key: str  # only letters and digits, in lower case: "id"
    path: str  # the key with its parent's key in front: "projectid"
    value: str | int | bool | None
    nested: bool = False  # it was inside a string that held a structure, so not in the template itself
    untrusted: bool = False  # somebody else chose it: a name, a path, or a part of one
    summary: bool = False  # a nested structure as text; its values are also fields of their own

    @property
    def names(self) -> tuple[str, str]:
        return self.key, self.path


def fields_of(
    tree: Any, key: str = "", parent: str = "", nested: bool = False, untrusted: bool = False
) -> Iterator[Field]:
    if isinstance(tree, Nested):
        yield Field(key, parent + key, lines(tree.tree), nested, untrusted, True)
        yield from fields_of(tree.tree, key, parent, True, untrusted)
    elif isinstance(tree, dict):
        entries = [(key_name(name), value) for name, value in tree.items()]
        labelled = any(_is_untrusted_label(*entry) for entry in entries)
        if key and (pair := _label_and_value(entries)):
            untrusted = untrusted or labelled
            yield Field("value", f"{key}value", ": ".join(pair), nested, untrusted)
            return
        for name, value in entries:
            own = bool(_UNTRUSTED_KEY.search(key + name)) or (labelled and name in ("value", "values"))
            yield from fields_of(value, name, key, nested, untrusted or own)
    elif isinstance(tree, list):
        for value in tree:
            yield from fields_of(value, key, parent, nested, untrusted)
    else:
        yield Field(key, parent + key, tree, nested, untrusted)


def _is_untrusted_label(name: str, value: Any) -> bool:
    """`{"title": "Path", "value": …}`: Slack, Teams and tags write this where others write `{"path": …}`."""
    label = name in ("name", "title", "key", "label", "field") and isinstance(value, str)
    return label and bool(_UNTRUSTED_KEY.search(key_name(value)))


# Keys that a card or a block may have in addition to a label and its value.
_OF_LABEL = frozenset({"title", "key", "label", "field", "value", "short", "type"})


def _label_and_value(entries: list[tuple[str, Any]]) -> tuple[str, str] | None:
    """The two texts of `{"title": "Severity", "value": "High"}`, which is a fact and not the title of an
    event."""
    by_name = dict(entries)
    labels = [by_name[name] for name in ("title", "key", "label", "field") if name in by_name]
    if "value" not in by_name or len(labels) != 1 or not by_name.keys() <= _OF_LABEL:
        return None
    label, value = labels[0], by_name["value"]
    if not isinstance(label, str) or isinstance(value, dict | list | Nested | None):
        return None
    return label[:_MAX_KEY].strip(" *_:"), str(value)


_SEPARATORS = re.compile(r"[\W_]+")


def key_name(key: str) -> str:
    """The key in lower case, without anything but letters and digits, cut to 64 characters."""
    return _SEPARATORS.sub("", key[:_MAX_KEY]).lower()


def lines(tree: Any) -> str:
    """A structure as text for people: one `key: value` on each line."""
    if not isinstance(tree, dict):
        return shown(tree)
    return "\n".join(f"{key}: {shown(value)}" for key, value in tree.items())


def shown(value: Any) -> str:
    """A string as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=lambda nested: nested.tree)
