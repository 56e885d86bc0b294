"""What a configuration is written in, as plain data that knows where each part was written.

A YAML file or the environment goes in; a `Document` comes out, and later turns a path and a sentence into a
line for a person. It never repeats a value, which may be a secret, and of the keys it knows only which hold
secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

Path = tuple[str | int, ...]
Problem = tuple[Path, str]  # where it is, and what is wrong and what to do, in words

_MAX_NODES = 500_000  # aliases of aliases can make a small file enormous
_KIND = "tag:yaml.org,2002:"
_AS_TEXT = {_KIND + kind for kind in ("str", "timestamp", "value")}
# What stands below these may be a secret where its reference belongs.
SECRET_KEYS = {
    *("api_key", "admin_key", "tokens", "external_id", "webhook_url", "api_token", "token", "secrets"),
    "signing_secret",
}
_NAMED_SECTIONS = {"accounts", "hunts", "destinations"}  # the key below these is a name, whatever it says
_SHOWN_KEY = re.compile(r"[A-Za-z0-9_. -]{1,40}")
# What PyYAML calls it, and what a person calls it. Its own texts quote the file.
_SYNTAX = (
    (r"undefined alias", "an alias that nothing defines; a value that begins with * is written in quotes"),
    (r"character '\\t'", "a tab; YAML is indented with spaces"),
    (r"cannot start any token", "a value cannot begin with this character; write the value in quotes"),
    (
        r"mapping values are not allowed",
        "a colon cannot stand here; check the indentation, or write in quotes",
    ),
    (r"unexpected end of stream", "a quote is opened here and never closed"),
    (r"expected ',' or", "a bracket is opened here and not closed, or a comma is missing"),
    (r"could not find expected ':'", "a key begins here and has no colon"),
    (r"expected <block end>", "the indentation does not fit the lines above"),
    (r"another document", "a second document begins here; one file holds one"),
    (r"<document start>", "text after the end of what came before; check the indentation"),
)


class NotYaml(Exception):
    """The text cannot be read at all."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line, self.text = line, text


class Document(Protocol):
    @property
    def data(self) -> Any:
        """Plain data: dict, list, str, int, float, bool, None."""

    missing: str  # the words for what is not there

    def key(self, path: Path) -> str:
        """What a person writes to set this, without what is around it."""

    def report(self, problems: list[Problem]) -> list[str]:
        """One line for each, after or among what was wrong before anyone asked what the keys mean."""


@dataclass
class YamlDocument:
    name: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=lambda: {(): 1})
    problems: list[tuple[int, Path, str]] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)  # has no value: not to be judged again
    missing: str = "missing"

    def key(self, path: Path) -> str:
        return str(path[-1])

    def report(self, problems: list[Problem]) -> list[str]:
        judged = [(self._line(path), path, text) for path, text in problems if not self._is_broken(path)]
        lines = []
        for line, path, text in sorted(self.problems + judged, key=lambda found: found[0]):
            where = self._label(path)
            lines.append(f"{self.name}:{line}: {where}: {text}" if where else f"{self.name}:{line}: {text}")
        return list(dict.fromkeys(lines))

    def _is_broken(self, path: Path) -> bool:
        return any(path[:end] in self.broken for end in range(len(path) + 1))

    def _line(self, path: Path) -> int:
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def _label(self, path: Path) -> str:
        if path and isinstance(path[-1], int) and path not in self.lines:
            path = path[:-1]  # one value written where a list may be
        label, below_secret = "", False
        for depth, step in enumerate(path):
            if isinstance(step, int):
                label += f"[{step}]"
                continue
            shown = _SHOWN_KEY.fullmatch(step) and not below_secret
            label += ("." if label else "") + (step if shown else "…")
            below_secret |= step in SECRET_KEYS and not (depth == 1 and path[0] in _NAMED_SECTIONS)
        return label


@dataclass
class EnvironmentDocument:
    data: Any
    variables: Mapping[Path, str]
    missing: str = "not set"

    def key(self, path: Path) -> str:
        while path not in self.variables:
            path = path[:-1]
        return self.variables[path]

    def report(self, problems: list[Problem]) -> list[str]:
        return [f"{self.key(path)}: {text}" for path, text in problems]


def read_yaml(text: str, name: str) -> YamlDocument:
    """Raises NotYaml. An empty text is an empty mapping."""
    document = YamlDocument(name)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document.data = {} if node is None else _Reader(document).value(node, ())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(line, "a control character that YAML does not allow") from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error) from None
    except RecursionError:
        raise NotYaml(1, "nested too deeply") from None
    except (ValueError, OverflowError):  # an escape such as "\UFFFFFFFF", which PyYAML does not check
        raise NotYaml(1, "an escape (\\x, \\u, \\U) in double quotes that is no character") from None
    if document.data is None:
        document.data = {}
    return document


def _syntax(error: yaml.MarkedYAMLError) -> NotYaml:
    said = f"{error.context} {error.problem}"
    text = next((ours for theirs, ours in _SYNTAX if re.search(theirs, said)), "this is not YAML")
    begun = error.context_mark if " here and " in text else None
    mark = begun or error.problem_mark or error.context_mark
    return NotYaml(mark.line + 1 if mark else 1, text)


class _Reader:
    """From PyYAML's nodes to plain data, with the line of every path."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self._open: set[int] = set()
        self._nodes = 0
        self._plain = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise NotYaml(1, f"more than {_MAX_NODES:,} values")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            return self._problem(path, "an alias of what it stands in")
        self._open.add(id(node))
        try:
            if node.tag == _KIND + "map":
                return self._mapping(node, path)
            if node.tag == _KIND + "seq":
                return self._sequence(node, path)
            return self._problem(path, "YAML tags (!…) are not used here")
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            # The text as it is written: a hunt may be named `on` or `2024`.
            here = (*path, key.value if isinstance(key, yaml.ScalarNode) else "…")
            if here[-1] in found:
                text = f"written twice, first on line {self._document.lines[here]}"
                self._document.problems.append((line, here, text))
                continue
            self._document.lines[here] = line
            if not isinstance(key, yaml.ScalarNode):
                self._problem(here, "a key must be plain text")
            elif key.tag == _KIND + "merge":
                self._problem(here, "merge keys (<<) are not used here; write the keys out")
            else:
                found[key.value] = self.value(value, here)
        return found

    def _sequence(self, node: Any, path: Path) -> list[Any]:
        found = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            self._document.lines[here] = item.start_mark.line + 1
            found.append(self.value(item, here))
        return found

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text: str = node.value
        if any("\ud800" <= c <= "\udfff" for c in text):
            return self._problem(path, "half a character (an unpaired surrogate)")
        if node.tag in _AS_TEXT:
            return text
        make: Mapping[str, Callable[[yaml.ScalarNode], Any]] = {
            _KIND + "null": lambda _: None,
            _KIND + "bool": self._plain.construct_yaml_bool,
            _KIND + "int": self._plain.construct_yaml_int,
            _KIND + "float": self._plain.construct_yaml_float,
        }
        if node.tag not in make:
            return self._problem(path, "YAML tags (!…) are not used here")
        try:
            return make[node.tag](node)
        except (ValueError, KeyError, IndexError):
            return self._problem(path, "not a value of the kind that its YAML tag or form says")

    def _problem(self, path: Path, text: str) -> None:
        self._document.problems.append((self._document.lines[path], path, text))
        self._document.broken.add(path)
