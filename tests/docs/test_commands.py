"""Every command that the pages show exists, with each option that is shown."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.docs.blocks import Block, blocks, inline
from tests.docs.shown_commands import commands_in, joined, mistake
from tests.docs.texts import ROOT

SHELL = [block for block in blocks("sh", "bash") if "huntbridge" in block.text]
# A command above what it prints, or an example in a help text. [OPTIONS] says how a command is called.
TYPED = re.compile(r"^(?:\$ |[A-Z].*[:?] +)?(huntbridge (?!.*\[OPTIONS\]).*)", re.M)
SHOWN = [block for block in blocks("text", "") if TYPED.search(block.text)]
INLINE = sorted({code for _, code in inline() if code.startswith("huntbridge ")})
TARGET = re.compile(r"\bmake ((?:[a-z][\w-]*)(?: [a-z][\w-]*)*)")


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_commands_of_a_block(block: Block):
    assert [(call, wrong) for call in commands_in(block.text) if (wrong := mistake(call))] == []


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_a_command_in_an_example(block: Block):
    calls = [call for line in TYPED.findall(joined(block.text)) for call in commands_in(line)]
    assert [(call, wrong) for call in calls if (wrong := mistake(call, whole=False))] == []


@pytest.mark.parametrize("code", INLINE)
def test_a_command_within_a_sentence(code: str):
    assert mistake(shlex.split(re.sub(r"[\[\]]", "", code))[1:], whole=False) is None


def test_every_target_of_make_exists():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    lines = [line for block in blocks("sh", "bash", "") for line in block.text.splitlines()]
    shown = [*lines, *(code for _, code in inline())]
    named = {
        name
        for line in shown
        for names in re.findall(r"^make ([a-z][\w -]*)", line)
        for name in names.split()
    }
    assert {name for name in named if not name.isupper()} - targets == set()


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        ("huntbridge hunts list", "no command hunts"),
        ("huntbridge hunt plan weekly --cheap", "No such option"),
        ("docker compose exec huntbridge huntbridge send-test", "is missing"),
        ("sudo /usr/local/bin/huntbridge check --config", "requires an argument"),
        ("huntbridge why a b", "more than the command takes"),
        ("huntbridge cases close c --by Ada --why x --verdict fine", "no choice"),
        ("cd deploy && HUNTBRIDGE_DATA=x huntbridge cases \\\n  lost", "no command lost"),
    ],
)
def test_a_wrong_command_is_found(script: str, wrong: str):
    (call,) = commands_in(script)
    assert wrong in (mistake(call) or "")


def test_the_log_of_the_service_is_no_command_of_huntbridge():
    assert (
        list(commands_in("sudo journalctl --unit huntbridge --follow\npipx install huntbridge  # then check"))
        == []
    )
