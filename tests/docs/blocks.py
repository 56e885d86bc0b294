"""The blocks of code in the pages, and what is marked as code within a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.texts import ROOT, pages

_BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*) -->\n)? *```(?P<language>\w*)\n(?P<text>.*?)^ *```$", re.M | re.S
)
_INLINE = re.compile(r"`([^`\n]+)`")
# What these describe may be older than the commands of today.
_HISTORY = {"CHANGELOG.md"}


@dataclass(frozen=True)
class Block:
    page: str
    number: int  # the line of the page on which the block begins
    language: str
    text: str
    note: str  # the comment on the line before, which a reader does not see

    def __str__(self) -> str:
        return f"{self.page}:{self.number}"


def blocks(*languages: str) -> list[Block]:
    """All blocks in these languages."""
    return [block for name, text in _pages() for block in of(name, text) if block.language in languages]


def of(page: str, text: str) -> Iterator[Block]:
    for found in _BLOCK.finditer(text):
        number = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, number, found["language"], found["text"], found["note"] or "")


def inline() -> list[tuple[str, str]]:
    """The page, and what it marks as code, outside of blocks."""
    return [(name, code) for name, text in _pages() for code in _INLINE.findall(without_blocks(text))]


def without_blocks(text: str) -> str:
    return _BLOCK.sub("", text)


def _pages() -> Iterator[tuple[str, str]]:
    for path in pages():
        name = path.relative_to(ROOT).as_posix()
        if name not in _HISTORY:
            yield name, Path(path).read_text(encoding="utf-8")
