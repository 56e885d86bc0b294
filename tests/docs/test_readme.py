"""The README is short, and shows the two commands of a checkout."""

from __future__ import annotations

import re

from tests.docs.texts import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_has_fewer_than_120_lines():
    assert len(README.splitlines()) < 120


def test_the_first_block_has_the_two_commands():
    block = re.search(r"```sh\n(.*?)```", README, re.S)
    assert block
    commands = [line.split("#")[0].strip() for line in block[1].splitlines()]
    assert commands == ["make run", "make test"]


def test_it_shows_the_picture_before_them():
    assert 0 < README.index("![") < README.index("make run")
