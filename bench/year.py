"""How large the database becomes: bytes an alarm of a burst, and of a simulated year with retention.

For the year, `serve` is started with its wall clock later and later (`later.c`), is sent some alarms each
time, and removes what its configuration keeps no longer.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from bench import client
from bench.figures import Figures
from bench.processes import ROOT, helper, wait_for
from bench.serve import BODY, Serve, serving
from bench.through import arrived
from shared.hosting.runtime import DATABASE
from shared.local.database import Database

_DAY = 86_400


def missing() -> str:
    return "" if shutil.which("cc") else "the simulated year needs a C compiler (`cc`)"


def measure(quick: bool) -> Figures:
    months, each = (2, 100) if quick else (12, 200)
    with tempfile.TemporaryDirectory(prefix="huntbridge-bench-") as made, helper("bench.sink") as sink:
        library = Path(made) / "later.so"
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(ROOT / "bench/later.c"), "-ldl"]
        subprocess.run(command, check=True, timeout=60)
        folder = Path(made) / "year"
        folder.mkdir()
        with serving([f"{sink}/services/T/B/one"], folder=folder):
            pass
        empty = stored(folder / "data")
        figures: Figures = {}
        for month in range(months):
            later = {"LD_PRELOAD": str(library), "LATER_BY": str(month * 365 * _DAY // months)}
            with serving([f"{sink}/services/T/B/one"], folder=folder, environ=later) as serve:
                _alarms(serve, sink, each, first=1 + month * each)
            if month == 0:
                figures["bytes_per_alarm"] = (stored(folder / "data") - empty) / each
        figures["bytes_per_alarm_year"] = (stored(folder / "data") - empty) / (months * each)
        return figures


def _alarms(serve: Serve, sink: str, count: int, *, first: int) -> None:
    sent = client.send(client.Load(serve.webhooks, BODY, count, first=first))
    if not wait_for(lambda: len(arrived(sink, sent)) == count, 60, every=0.3):
        raise RuntimeError("the alarms were not told in time")
    serve.wait_until_idle(30)


def stored(data: Path) -> int:
    """The bytes of everything in a data directory, after SQLite's log was merged into the database."""
    Database(data / DATABASE).close()
    return sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
