"""Every picture in the pages is made by a target: `make pictures` or `make console-pictures`."""

from __future__ import annotations

from tests import pictures
from tests.docs.texts import ROOT
from tests.e2e import screens

DOCS = ROOT / "docs"
ICON = "pictures/icon.svg"  # the console's own
TARGETS = screens.MADE | {f"pictures/{name}.png" for name in pictures.MADE}


def test_every_picture_is_made_by_a_target_and_each_target_has_made_its_own():
    kinds = (".png", ".svg", ".jpg", ".gif", ".webp")
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*") if path.suffix in kinds}
    assert there - {ICON} == TARGETS


def test_every_picture_is_shown_on_a_page():
    shown = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert [name for name in sorted(TARGETS) if name.rpartition("/")[2] not in shown] == []


def test_the_icon_is_that_of_the_console():
    assert (DOCS / ICON).read_bytes() == (ROOT / "console/static/icon.svg").read_bytes()
