"""No identifier is ever cut, in no terminal and no pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

ID = "processing_with_alarms:project/12/prod/us-east-1/i-0123456789abcdef0:a-rather-long-destination"
SCRIPT = f"""
from cli.tables import show
show(("ID", "What"), [({ID!r}, "[red]a text[/red] " * 30), ("b", "short")], whole=(0,))
"""


def in_a_terminal(columns: int) -> str:
    leader, follower = pty.openpty()
    environ = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=follower, env=environ)
    os.close(follower)
    said = b""
    while True:
        try:
            part = os.read(leader, 65_536)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not part:
            break
        said += part
    os.close(leader)
    assert process.wait() == 0
    return said.decode()


@pytest.mark.parametrize("columns", [20, 80, 300])
def test_in_a_terminal(columns):
    said = in_a_terminal(columns)
    assert ID in said
    assert "…" not in said


def test_in_a_pipe_a_row_is_a_line():
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    titles, first, second = said.splitlines()
    assert titles.split() == ["ID", "What"]
    assert first.split()[0] == ID
    assert first.count("[red]a text[/red]") == 30
    assert second.split() == ["b", "short"]
