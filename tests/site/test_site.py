"""The site that `make docs` builds loads nothing from other hosts, and every file that it names is there."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

SITE = Path(__file__).resolve().parents[2] / "site"
FOREIGN = re.compile(r"(?:https?:)?//[\w.-]+", re.I)
IN_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", re.I)
NOT_LOADED = {"canonical", "next", "prev", "edit"}  # a link element with this `rel` only names an address


class Loaded(HTMLParser):
    """What a browser loads with a page: scripts, styles, pictures, fonts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._style = tag == "style"
        if tag == "link" and given.get("rel") not in NOT_LOADED:
            self.addresses.append(given.get("href", ""))
        if tag == "a":
            self.links.append(given.get("href", ""))
        self.addresses += [given[name] for name in ("src", "data", "poster") if given.get(name)]
        self.addresses += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]
        self.addresses += in_style(given.get("style", ""))

    def handle_data(self, data: str) -> None:
        if self._style:
            self.addresses += in_style(data)


def in_style(text: str) -> list[str]:
    return [first or second for first, second in IN_STYLE.findall(text)]


def foreign(addresses: list[str]) -> list[str]:
    return [address for address in addresses if FOREIGN.match(address)]


def pages() -> list[Path]:
    found = sorted(SITE.rglob("*.html"))
    assert len(found) > 20, "make docs builds the site first"
    return found


def missing(page: Path, addresses: list[str]) -> list[str]:
    """Those of this site that no file has."""
    paths = [(address, unquote(urlsplit(address).path)) for address in addresses]
    return [
        address
        for address, path in paths
        if path and not urlsplit(address).scheme and not (page.parent / path.removeprefix("/")).exists()
    ]


def test_no_page_loads_anything_from_another_host():
    found = {page.name: foreign(Loaded(page.read_text()).addresses) for page in pages()}
    assert {name: addresses for name, addresses in found.items() if addresses} == {}


def test_no_style_loads_anything_from_another_host():
    styles = list(SITE.rglob("*.css"))
    assert styles
    assert [address for style in styles for address in foreign(in_style(style.read_text()))] == []


def test_every_picture_and_every_linked_page_is_there():
    found: dict[str, list[str]] = {}
    for page in pages():
        loaded = Loaded(page.read_text())
        absent = missing(page, loaded.addresses + loaded.links)
        if (
            absent and page.name != "404.html"
        ):  # which is shown at any address, so its links begin at the root
            found[page.name] = absent
    assert found == {}


def test_no_page_makes_the_theme_load_a_tool_for_diagrams_or_ask_for_stars():
    for page in pages():
        text = page.read_text()
        assert 'class="mermaid"' not in text
        assert 'data-md-component="source"' not in text


def test_every_block_of_code_is_shown_as_one():
    assert [page.name for page in pages() if "```" in page.read_text()] == []


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example/css">',
        '<link rel="preconnect" href="https://fonts.example">',
        '<img srcset="a.png 1x, https://pictures.example/b.png 2x">',
        '<style>body { background: url("https://x.example/a.png") }</style>',
        '<p style="background: url(https://x.example/a.png)">',
    ],
)
def test_an_address_of_another_host_is_found(html: str):
    assert len(foreign(Loaded(html).addresses)) == 1


def test_a_file_that_is_not_there_is_found(tmp_path: Path):
    page = tmp_path / "page.html"
    page.touch()
    loaded = Loaded(
        '<img src="pictures/none.png"><a href="page.html#part">here</a><a href="none.html">there</a>'
    )
    assert missing(page, loaded.addresses + loaded.links) == ["pictures/none.png", "none.html"]
