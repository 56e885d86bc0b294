"""How long a webhook takes to be accepted with few and with many stored documents, and the console's pages.

One `serve` runs for each number of documents. They get their webhooks in turns, so that all are measured on
an equally busy machine.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import client, console
from bench.figures import Figures, percentile
from bench.processes import ROOT, helper
from bench.serve import BODY, serving

_TURNS, _WEBHOOKS = 6, 50  # for each number of documents
_SETTLE = 5.0  # seconds after the start


def measure(quick: bool) -> Figures:
    sizes = [10**3, 10**5] if quick else [10**3, 10**4, 10**5, 10**6]
    with tempfile.TemporaryDirectory(prefix="huntbridge-bench-") as made, ExitStack() as stack:
        folders = {size: Path(made) / str(size) for size in sizes}
        for size, folder in folders.items():
            command = [sys.executable, "-m", "bench.documents", str(folder / "data"), str(size)]
            subprocess.run(command, cwd=ROOT, check=True, timeout=400)
        pages = console.times(folders[sizes[-1]] / "data")
        sink = stack.enter_context(helper("bench.sink"))
        serves = {
            size: stack.enter_context(serving([f"{sink}/services/T/B/{size}"], folder=folder))
            for size, folder in folders.items()
        }
        time.sleep(_SETTLE)
        taken: dict[int, list[float]] = {size: [] for size in sizes}
        for turn in range(_TURNS):
            # To and fro, so that no size always follows the same other one.
            for size, serve in sorted(serves.items(), reverse=bool(turn % 2)):
                load = client.Load(
                    serve.webhooks, BODY, _WEBHOOKS, connections=1, first=10**7 + turn * _WEBHOOKS
                )
                taken[size] += [one.answered - one.due for one in client.send(load)]
                serve.wait_until_idle(30)
        # The fastest tenth: whatever else the machine does only makes an answer later.
        fast = {size: percentile(values, 0.1) for size, values in taken.items()}
        figures = {"console_page": max(pages.values()) * 1000}
        for size in sizes[1:]:
            figures[f"accept_growth_{size}"] = fast[size] / fast[10**3]
        return figures
