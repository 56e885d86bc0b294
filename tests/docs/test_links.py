"""Each link from a page to another one leads to a file, and to a heading if it names one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import without_blocks
from tests.docs.markdown import anchor
from tests.docs.texts import ROOT, pages

LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
PAGES = {path.relative_to(ROOT).as_posix(): path for path in [*pages(), *ROOT.glob("deploy/**/*.md")]}


def headings(page: Path) -> set[str]:
    return {anchor(plain(text)) for text in re.findall(r"^#+ (.*)", without_blocks(page.read_text()), re.M)}


def plain(heading: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)


def wrong(page: Path, text: str) -> Iterator[str]:
    for one, other in LINK.findall(without_blocks(text)):
        path, _, place = (one or other).partition("#")
        if ":" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (place and target.suffix == ".md" and place not in headings(target)):
            yield one or other


@pytest.mark.parametrize("name", PAGES)
def test_its_links(name: str):
    assert list(wrong(PAGES[name], PAGES[name].read_text(encoding="utf-8"))) == []


def test_a_wrong_link_is_found():
    text = '[a](none.md) [b](README.md#none) [c](README.md#two-commands) <img src="none.png">'
    assert list(wrong(ROOT / "README.md", text)) == ["none.md", "README.md#none", "none.png"]
