"""The errors that docs/troubleshooting.md quotes are errors that huntbridge has."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.docs.texts import PRODUCT, ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
QUOTED = re.compile(r"`([^`]+)`")
# Quoted things that are no errors: a key, a command, an address, a state.
JOINT = re.compile(r"[\"']\n\s*f?[\"']")
NO_ERROR = re.compile(r"^(huntbridge|/|console\.|hunt_missed$|waiting$|held$|dead$|signing_secret$)")


def first_cells() -> Iterator[str]:
    """The quoted texts in the columns "you see" and "the reason"."""
    see: list[int] = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            see = []
        elif not see:
            see = [number for number, cell in enumerate(cells) if cell in ("you see", "the reason")]
        else:
            yield from (one for number in see for one in QUOTED.findall(cells[number]))


ERRORS = sorted({one for one in first_cells() if not NO_ERROR.match(one)})


@pytest.fixture(scope="module")
def ours() -> str:
    """The code, with the strings joined that stand below each other."""
    files = (path.read_text("utf-8") for folder in PRODUCT for path in (ROOT / folder).rglob("*.py"))
    return JOINT.sub("", "\n".join(files))


def test_the_page_quotes_errors() -> None:
    assert len(ERRORS) > 30


@pytest.mark.parametrize("error", ERRORS)
def test_a_quoted_error_is_one_of_ours(error: str, ours: str) -> None:
    missing = [part for part in map(str.strip, error.split("…")) if part not in ours]
    assert not missing
