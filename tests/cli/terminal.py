"""A command at a terminal: a person reads what it asks, and types."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

# The command gets the terminal as its own, which it needs to ask for a password.
_AT_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "cli.main", *sys.argv[1:]])
"""
_PATIENCE = 60.0  # seconds


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self._process, self._end = process, end
        self.shown = ""  # everything
        self._read = 0  # how much of that was waited for

    def wait_for(self, text: str) -> None:
        """Reads until the text is shown behind what was waited for before."""
        until = time.monotonic() + _PATIENCE
        while (at := self.shown.find(text, self._read)) < 0:
            assert self._more(until), f"{text!r} is not shown, but:\n{self.shown}"
        self._read = at + len(text)

    def answer(self, question: str, answer: str) -> None:
        self.wait_for(question)
        self.wait_for(": ")
        os.write(self._end, f"{answer}\n".encode())

    def interrupt(self) -> None:
        """Presses Ctrl-C until the command ends. Python can miss one that comes just before it waits for a
        line."""
        until = time.monotonic() + _PATIENCE
        while self._process.poll() is None and time.monotonic() < until:
            os.write(self._end, b"\x03")
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)

    def ended(self) -> int:
        """Reads to the end, and returns the exit code."""
        until = time.monotonic() + _PATIENCE
        while self._more(until):
            pass
        return self._process.wait(timeout=_PATIENCE)

    def _more(self, until: float) -> bool:
        """Reads what is shown next. False at the end."""
        ready, _, _ = select.select([self._end], [], [], max(0.0, until - time.monotonic()))
        assert ready, f"nothing more is shown:\n{self.shown}"
        try:
            part = os.read(self._end, 65_536)
        except OSError:  # Linux says so when the command has ended
            return False
        self.shown += part.decode(errors="replace").replace("\r\n", "\n")
        return bool(part)


@contextmanager
def terminal(*arguments: str, env: Mapping[str, str]) -> Iterator[Terminal]:
    """Runs the command `huntbridge` while the block lasts."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_TERMINAL, *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200", **env},
    )
    os.close(its)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(timeout=_PATIENCE)
        os.close(ours)
