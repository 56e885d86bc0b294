"""The section of the platform's YARA text that belongs to huntbridge, between two comments that mark it.

The platform has one text for all custom rules, and people write into it too. huntbridge only changes what
stands between its own marks; everything else is kept as it is, byte for byte.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_MARK = re.compile(r"/\* *huntbridge:(?P<what>begin|end)\b *(?P<name>[^\s*]*)[^*\n]*\*/")
_ANY_MARK = re.compile(r"huntbridge:(?:begin|end)\b")


class BrokenSection(ValueError):
    """The marks are not as huntbridge writes them, so nothing can be written safely."""


@dataclass(frozen=True)
class Section:
    """The text, cut at the marks. `body` is None if the section is not there."""

    before: str
    body: str | None
    after: str
    edited: bool = False  # somebody else changed the body

    @property
    def outside(self) -> str:
        return self.before + self.after


def digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def holds_marks(text: str) -> bool:
    return bool(_ANY_MARK.search(text))


def read(text: str, name: str) -> Section:
    """The section of this name. Raises BrokenSection if a mark is missing, or stands there twice."""
    marks = [mark for mark in _MARK.finditer(text) if mark["name"] == name]
    if not marks:
        return Section(text, None, "")
    if [mark["what"] for mark in marks] != ["begin", "end"]:
        lines = ", ".join(
            f"{mark['what']} in line {text.count(chr(10), 0, mark.start()) + 1}" for mark in marks
        )
        raise BrokenSection(
            f"the marks of the section {name} in the platform's YARA text are damaged ({lines}): there must "
            "be one begin, and one end below it. Delete the section there, with its marks, and push again"
        )
    begin, end = marks
    inside = text[begin.end() : end.start()]
    if other := _MARK.search(inside):
        raise BrokenSection(
            f"the section {name} in the platform's YARA text holds a mark of the section {other['name']}: "
            "move one of them out of the other"
        )
    before, after = text[: begin.start()], text[end.end() :]
    body = _lines(inside)
    edited = f"sha256={digest(body)}" not in begin[0]
    return Section(before.removesuffix("\n"), body, after.removeprefix("\n"), edited)


def _lines(body: str) -> str:
    return body.replace("\r\n", "\n").strip("\n")


def with_body(text: str, name: str, body: str | None) -> str:
    """The text with this body in the section, which is added at the end if it is not there yet. None removes
    the section. Raises BrokenSection."""
    section = read(text, name)
    if body is None:
        return section.outside
    body = _lines(body)
    block = (
        f"\n/* huntbridge:begin {name} sha256={digest(body)} - huntbridge writes what stands up to its end */"
        f"\n{body}\n/* huntbridge:end {name} */\n"
    )
    return section.before + block + section.after


def same(one: str, other: str) -> bool:
    """Whether two texts are alike, if the platform changes line ends, or white space at the ends, of what it
    keeps."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
