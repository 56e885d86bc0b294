"""Processes of a measurement: starts them, ends them by their id, and reads from /proc what they used."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True)
class Used:
    """What a process and its descendants have used since they began."""

    cpu: float  # seconds, user and system
    wake_ups: int  # voluntary context switches of all threads: how often one stopped waiting
    resident: int  # bytes of memory at the moment

    def since(self, before: Used) -> Used:
        return Used(self.cpu - before.cpu, self.wake_ups - before.wake_ups, self.resident)


def used(pid: int) -> Used:
    """All zero if the process has ended."""
    cpu, wake_ups, resident = 0.0, 0, 0
    for process in (pid, *_descendants(pid)):
        with suppress(OSError):
            fields = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / _TICKS
            resident += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
            wake_ups += sum(_wake_ups(task) for task in (_PROC / str(process) / "task").iterdir())
    return Used(cpu, wake_ups, resident)


def _wake_ups(task: Path) -> int:
    with suppress(OSError):
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                return int(line.split()[1])
    return 0


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def end(process: subprocess.Popen[bytes], within: float = 15.0) -> None:
    """Ask the process to end, and kill it and its descendants if they do not in time (seconds).

    Raises RuntimeError if a descendant outlived the process.
    """
    descendants = _descendants(process.pid)
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if not wait_for(lambda: not any(map(_is_there, descendants)), 5):
        left = list(filter(_is_there, descendants))
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        raise RuntimeError(f"{len(left)} processes outlived the one that started them")


def _is_there(pid: int) -> bool:
    with suppress(OSError):
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@contextmanager
def helper(module: str, *arguments: str) -> Iterator[str]:
    """A server of the bench as a process of its own; yields its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout
        port = process.stdout.readline().decode().strip()
        if not port:
            raise RuntimeError(f"{module} did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], within: float, every: float = 0.05) -> bool:
    """Whether the condition came to pass within this time (seconds)."""
    until = time.monotonic() + within
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(every)
    return met
