"""Finds the rules in a YARA text, and gives them other names.

This reads only as much of the language as that needs. Comments, texts, regular expressions and hexadecimal
patterns are skipped. A name in a condition is told from a field, a tag and a key of `meta`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)"
    r'|(?P<text>"""(?:\\.|[^\\])*?"""|"(?:\\.|[^"\\\n])*")'
    r"|(?P<regexp>/(?:\\.|[^/\\\n])+/[a-z]*)"
    r"|(?P<variable>[$#@!][A-Za-z0-9_]*)"
    r"|(?P<number>\d[0-9A-Za-z_.]*)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_HEX_PATTERN = re.compile(r"\{(?:/\*.*?\*/|//[^\n]*|[^}])*\}", re.DOTALL)
_SECTIONS = ("meta", "strings", "condition")


@dataclass(frozen=True)
class Token:
    kind: str  # comment | text | regexp | hex | variable | number | name | other
    text: str
    at: int  # where it begins


@dataclass(frozen=True)
class Declared:
    """A rule in a text."""

    name: str
    line: int
    is_global: bool = False


@dataclass(frozen=True)
class Outline:
    """What the text holds: its rules, its imports and includes with their lines, and the places at which the
    name of a rule may stand, in conditions as well."""

    rules: tuple[Declared, ...]
    imports: tuple[tuple[str, int], ...]
    includes: tuple[int, ...]
    names: tuple[Token, ...]


def tokens(text: str) -> Iterator[Token]:
    """The tokens of the text, without white space and comments."""
    at, previous = 0, ""
    while at < len(text):
        if text[at] == "{" and previous == "=" and (pattern := _HEX_PATTERN.match(text, at)):
            yield Token("hex", pattern[0], at)
            at, previous = pattern.end(), ""
            continue
        match = _TOKEN.match(text, at)
        assert match is not None  # the last part of the expression matches everything
        kind = match.lastgroup or "other"
        if kind not in ("space", "comment"):
            previous = match[0]
            yield Token(kind, match[0], at)
        at = match.end()


def outline(text: str) -> Outline:
    """Never raises: what is no YARA is left to the compiler."""
    rules, imports, includes, names = [], [], [], []
    found = list(tokens(text))
    section, is_global, in_rule = "", False, False
    for place, token in enumerate(found):
        before = found[place - 1].text if place else ""
        after = found[place + 1] if place + 1 < len(found) else Token("other", "", len(text))
        if not in_rule:
            if token.text == "rule" and after.kind == "name":
                rules.append(Declared(after.text, _line(text, after.at), is_global))
                names.append(after)
                is_global = False
            elif token.text == "global" and token.kind == "name":
                is_global = True
            elif token.text == "import" and after.kind == "text":
                imports.append((after.text.strip('"'), _line(text, token.at)))
            elif token.text == "include" and after.kind == "text":
                includes.append(_line(text, token.at))
            elif token.text == "{":
                in_rule, section = True, ""
        elif token.text == "}":
            in_rule = False
        elif token.text in _SECTIONS and after.text == ":" and before != ".":
            section = token.text
        elif (
            section == "condition" and token.kind == "name" and before != "." and after.text not in (".", "(")
        ):
            names.append(token)
    return Outline(tuple(rules), tuple(imports), tuple(includes), tuple(names))


def names_in(text: str) -> frozenset[str]:
    """The names of the rules in a text, which need not compile."""
    return frozenset(rule.name for rule in outline(text).rules)


def renamed(text: str, prefix: str) -> str:
    """The text with this prefix before the name of each of its rules, and wherever a condition names one."""
    found = outline(text)
    own = {rule.name for rule in found.rules}
    parts, at = [], 0
    for token in found.names:
        if token.text in own:
            parts += [text[at : token.at], prefix]
            at = token.at
    return "".join([*parts, text[at:]])


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
