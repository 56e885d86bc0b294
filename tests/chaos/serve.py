"""The real `huntbridge serve` of `make chaos`: started, killed, watched and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import requests


class Serve:
    """`huntbridge serve` as a process that is killed and started again, and so is its web process."""

    def __init__(self, environ: dict[str, str], folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/webhooks/cado"
        self.kills = self.web_kills = self.crashes = self.restores = 0
        self.orphans: list[int] = []  # web processes that outlived their parents
        self.killed_at: list[float] = []  # Unix seconds
        self._environ, self._log, self._port = environ, folder / "serve.log", port
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", "serve", "--port", str(self._port)],
                env=self._environ,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def wait_until_up(self, within: float = 60.0) -> None:
        until = time.monotonic() + within
        while self.waiting() is None:
            if time.monotonic() > until or (self._process and self._process.poll() is not None):
                raise SystemExit(f"huntbridge serve does not run:\n{self._log.read_text()[-3000:]}")
            time.sleep(0.1)

    def back_up(self, to: Path) -> None:
        """While it runs. Only the newest backup is kept."""
        to.unlink(missing_ok=True)
        self._command("backup", str(to))

    def kill_restore_and_start(self, backup: Path) -> None:
        self._kill()
        self._command("restore", str(backup), "--replace")
        self.restores += 1
        self.start()

    def _command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "cli.main", *arguments]
        with self._log.open("ab") as log:
            subprocess.run(
                command, env=self._environ, stdout=log, stderr=subprocess.STDOUT, check=True, timeout=60
            )

    def kill_and_start(self) -> None:
        self._kill()
        self.start()

    def _kill(self) -> None:
        assert self._process is not None
        self.crashes += self._process.poll() is not None
        children = self._children()
        self.killed_at.append(time.time())
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self.orphans += [child for child in children if not _ends(child)]

    def kill_web_process(self) -> None:
        """`serve` itself lives on, and starts its web process again."""
        for child in self._children():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
                self.web_kills += 1

    def _children(self) -> list[int]:
        assert self._process is not None
        lists = Path(f"/proc/{self._process.pid}/task").glob("*/children")
        with suppress(OSError):  # the process has just ended
            return [int(child) for each in lists for child in each.read_text().split()]
        return []

    def waiting(self) -> int | None:
        """How many items wait in the queues; None where nobody answers."""
        try:
            health = requests.get(self.url.replace("/webhooks/cado", "/health"), timeout=5).json()
        except (requests.RequestException, ValueError):
            return None
        return int(health["events"]["waiting"]) + int(health["deliveries"]["waiting"])

    def stop(self) -> tuple[float, int]:
        """Seconds that SIGTERM took, and the exit code."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return time.monotonic() - began, code

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _ends(pid: int, within: float = 5.0) -> bool:
    """Whether the process ends soon. A process that has ended may still wait for its parent to notice."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
