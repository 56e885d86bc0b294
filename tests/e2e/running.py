"""The demo in a process of its own, and how Chromium is started to look at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Without these, Chromium tries to reach its maker's services, and root may not run it.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STOP_WITHIN = 60  # seconds


@contextmanager
def running_demo(home: Path) -> Iterator[str]:
    """The link that `huntbridge demo` prints, while it runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "demo", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(home), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        link = re.search(r"http://[^\s]+", line)
        assert link, f"the demo printed no link: {line}"
        yield link[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_WITHIN)
