"""The reference has every key, command, option, event and exit code that there is."""

from __future__ import annotations

import re

import click
import pytest

from cli import exit_codes, hunt_run, send_test
from receiver.events.example import KINDS
from shared.models.event_kinds import TEST
from tests.docs.commands_page import commands
from tests.docs.reference import PAGES, REFERENCE, with_part


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_what_is_made_from_the_code_is_up_to_date(name: str):
    assert page(name) == with_part(page(name), PAGES[name]()), "write it again with: make reference"


def test_text_outside_of_the_comments_stays():
    old = with_part("before\n<!-- Made by `make reference`: change the code, not this text. -->\nold\n"
                    "<!-- The end of what is made. -->\nafter\n", "new")  # fmt: skip
    assert old.startswith("before\n")
    assert old.endswith("after\n")
    assert "\nnew\n" in old
    assert "\nold\n" not in old
    with pytest.raises(ValueError, match="two comments"):
        with_part("a page", "new")


def test_every_command_and_each_of_its_options_is_on_the_page():
    parts = dict(re.findall(r"^## (huntbridge.*?)\n(.*?)(?=^## |\Z)", page("commands.md"), re.M | re.S))
    assert list(parts) == [name for name, _ in commands()]
    for name, command in commands():
        options = [
            option
            for parameter in command.params
            if isinstance(parameter, click.Option) and not parameter.hidden
            for option in parameter.opts
        ]
        written = re.findall(r"-[\w-]+", " ".join(re.findall(r"`(-.*?)`", parts[name])))
        assert set(options) - set(written) == set(), name


def test_every_kind_of_event_is_on_the_page():
    assert sorted(re.findall(r"^\| `(\w+)` \|", page("events.md"), re.M)) == sorted({*KINDS, TEST})


def test_every_exit_code_is_on_the_page():
    failures: list[type[exit_codes.Failed]] = [
        exit_codes.Failed,
        *exit_codes.Failed.__subclasses__(),
        send_test.NotNow,
    ]
    used = {0, hunt_run.INTERRUPTED, *(failure.exit_code for failure in failures)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page("exit-codes.md"), re.M)} == used
