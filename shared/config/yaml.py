"""Reads YAML into plain data and remembers the line of each value, for error messages.

A `Document` turns the path of a value and a sentence about it into a line for a person. It never repeats a
value, which may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

Path = tuple[str | int, ...]
Problem = tuple[Path, str]  # the path of a value, and what is wrong with it and what to do instead

_MAX_NODES = 500_000  # a small file with aliases of aliases can have billions
_TAG = "tag:yaml.org,2002:"
_AS_TEXT = {_TAG + tag for tag in ("str", "timestamp", "value")}
_NAMED_SECTIONS = {"accounts", "hunts", "destinations"}  # their keys are names, even if one is `token`
_SHOWN_KEY = re.compile(r"[A-Za-z0-9_. -]{1,40}")
# PyYAML's messages, which quote the file, and ours.
_SYNTAX = (
    (r"undefined alias", "an alias that nothing defines; a value that begins with * is written in quotes"),
    (r"character '\\t'", "a tab; YAML is indented with spaces"),
    (r"cannot start any token", "a value cannot begin with this character; write the value in quotes"),
    (
        r"mapping values are not allowed",
        "a colon cannot stand here; check the indentation, or write in quotes",
    ),
    (r"unexpected end of stream", "a quote is opened here and never closed"),
    (
        r"expected ',' or .* but got '\?'",
        'between braces or brackets a value with a ? is written in quotes: "cron(0 2 ? * SUN *)"',
    ),
    (r"expected ',' or", "a bracket is opened here and not closed, or a comma is missing"),
    (r"could not find expected ':'", "a key begins here and has no colon"),
    (r"expected <block end>", "the indentation does not fit the lines above"),
    (r"another document", "a second document begins here; one file holds one"),
    (r"<document start>", "text after the end of what came before; check the indentation"),
)


class NotYaml(Exception):
    """The text cannot be read as YAML."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line, self.text = line, text


class Document(Protocol):
    @property
    def data(self) -> Any:
        """The content as dict, list, str, int, float, bool and None."""

    missing: str  # how an error message calls a missing value

    def key(self, path: Path) -> str:
        """The key or the name of the variable by which a person sets this value, for error messages."""

    def report(self, problems: list[Problem]) -> list[str]:
        """One line for each of these problems, and for each problem of the document itself."""


@dataclass
class YamlDocument:
    """A parsed file that knows the line of each of its parts."""

    name: str
    # Keys whose values should be references to secrets. Somebody may have written a secret itself there, so
    # no key below one of these is shown.
    secret_keys: Collection[str] = ()
    data: Any = None
    lines: dict[Path, int] = field(default_factory=lambda: {(): 1})
    problems: list[tuple[int, Path, str]] = field(default_factory=list)
    broken: set[Path] = field(
        default_factory=set
    )  # unreadable values: other problems of them are not reported
    missing: str = "missing"

    def key(self, path: Path) -> str:
        return str(path[-1])

    def report(self, problems: list[Problem]) -> list[str]:
        others = [(self._line(path), path, text) for path, text in problems if not self._is_broken(path)]
        lines = []
        for line, path, text in sorted(self.problems + others, key=lambda problem: problem[0]):
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
            path = path[:-1]  # the document has a single value where the path expects a list
        label, below_secret = "", False
        for depth, step in enumerate(path):
            if isinstance(step, int):
                label += f"[{step}]"
                continue
            shown = _SHOWN_KEY.fullmatch(step) and not below_secret
            label += ("." if label else "") + (step if shown else "…")
            below_secret |= step in self.secret_keys and not (depth == 1 and path[0] in _NAMED_SECTIONS)
        return label


@dataclass
class EnvironmentDocument:
    """A configuration from the environment that knows the variable of each of its parts."""

    data: Any
    variables: Mapping[Path, str]
    missing: str = "not set"

    def key(self, path: Path) -> str:
        while path not in self.variables:
            path = path[:-1]
        return self.variables[path]

    def report(self, problems: list[Problem]) -> list[str]:
        return [f"{self.key(path)}: {text}" for path, text in problems]


def read_yaml(text: str, name: str, secret_keys: Collection[str] = ()) -> YamlDocument:
    """Reads one YAML document. An empty text is an empty mapping. Raises NotYaml."""
    document = YamlDocument(name, secret_keys)
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
    except (ValueError, OverflowError):  # PyYAML does not check escapes such as "\UFFFFFFFF"
        raise NotYaml(1, "an escape (\\x, \\u, \\U) in double quotes that is no character") from None
    if document.data is None:
        document.data = {}
    return document


def _syntax(error: yaml.MarkedYAMLError) -> NotYaml:
    message = f"{error.context} {error.problem}"
    text = next((ours for theirs, ours in _SYNTAX if re.search(theirs, message)), "this is not YAML")
    begin = error.context_mark if " here and " in text else None
    mark = begin or error.problem_mark or error.context_mark
    return NotYaml(mark.line + 1 if mark else 1, text)


class _Reader:
    """Turns PyYAML's nodes into plain data and notes the line of every path.

    Unlike PyYAML's loader it also reports duplicate keys, and goes on after a mistake.
    """

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self._open: set[int] = set()  # the nodes around the current one, to find an alias of one of them
        self._nodes = 0
        self._constructor = yaml.constructor.SafeConstructor()

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise NotYaml(1, f"more than {_MAX_NODES:,} values")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            return self._problem(path, "an alias of a value that contains it")
        self._open.add(id(node))
        try:
            if node.tag == _TAG + "map":
                return self._mapping(node, path)
            if node.tag == _TAG + "seq":
                return self._sequence(node, path)
            return self._problem(path, "YAML tags (!…) are not used here")
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            # A key is always text: a hunt may be named `on` or `2024`.
            here = (*path, key.value if isinstance(key, yaml.ScalarNode) else "…")
            if here[-1] in mapping:
                text = f"written twice, first on line {self._document.lines[here]}"
                self._document.problems.append((line, here, text))
                continue
            self._document.lines[here] = line
            if not isinstance(key, yaml.ScalarNode):
                self._problem(here, "a key must be plain text")
            elif key.tag == _TAG + "merge":
                self._problem(here, "merge keys (<<) are not used here; write the keys out")
            else:
                mapping[key.value] = self.value(value, here)
        return mapping

    def _sequence(self, node: Any, path: Path) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            self._document.lines[here] = item.start_mark.line + 1
            items.append(self.value(item, here))
        return items

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text: str = node.value
        if any("\ud800" <= c <= "\udfff" for c in text):
            return self._problem(path, "half a character (an unpaired surrogate)")
        if node.tag in _AS_TEXT:
            return text
        constructors: Mapping[str, Callable[[yaml.ScalarNode], Any]] = {
            _TAG + "null": lambda _: None,
            _TAG + "bool": self._constructor.construct_yaml_bool,
            _TAG + "int": self._constructor.construct_yaml_int,
            _TAG + "float": self._constructor.construct_yaml_float,
        }
        if node.tag not in constructors:
            return self._problem(path, "YAML tags (!…) are not used here")
        try:
            return constructors[node.tag](node)
        except (ValueError, KeyError, IndexError):
            return self._problem(path, "not a value of the kind that its YAML tag or form says")

    def _problem(self, path: Path, text: str) -> None:
        self._document.problems.append((self._document.lines[path], path, text))
        self._document.broken.add(path)


def write_yaml(data: Mapping[str, Any]) -> str:
    """The data as YAML, for people to read."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
