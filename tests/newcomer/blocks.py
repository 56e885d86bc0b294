"""The commands of a page of docs/, as a reader copies them from its code blocks."""

from __future__ import annotations

import re

from tests.package.smoke import ROOT

_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s+)# .*$")


def block(page: str, heading: str, language: str = "sh", *, number: int = 0) -> str:
    """A code block of this language below a heading of the page; `number` counts them from 0."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    # A comment of the shell looks like a heading, so the blocks are blank while headings are looked for.
    headings = list(_HEADING.finditer(_CODE.sub(lambda code: " " * len(code[0]), text)))
    begin = next(one.end() for one in headings if one[1] == heading)
    end = next((one.start() for one in headings if one.start() >= begin), len(text))
    found = [code for name, code in _BLOCK.findall(text[begin:end]) if name == language]
    return str(found[number])


def commands(page: str, heading: str, *, number: int = 0) -> list[str]:
    """The commands of such a block, without comments. A line that ends with a backslash goes on below."""
    joined = re.sub(r"\\\n\s*", "", block(page, heading, number=number))
    return [line for one in joined.splitlines() if (line := _COMMENT.sub("", one).strip())]
