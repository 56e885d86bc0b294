"""How large the database becomes: bytes an alarm of a burst, and of a simulated year with retention.

For the year, `serve` is started with its wall clock later and later (`later.c`), is sent some alarms each
time, and removes what its configuration keeps no longer.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from bench import client
from bench.figures import Figures
from bench.processes import ROOT, helper, wait_for
from bench.serve import BODY, Serve, serving
from bench.through import arrived
from shared.hosting.runtime import DATABASE
from shared.local.database import Database

_DAY = 86_400  # seconds
_INTERVAL = 4  # seconds between two runs of the timer, one of whose jobs removes what is no longer kept


def missing() -> str:
    return "" if shutil.which("cc") else "the simulated year needs a C compiler (`cc`)"


def measure(quick: bool) -> Figures:
    burst, months, each = (300, 2, 100) if quick else (1_000, 12, 200)
    with tempfile.TemporaryDirectory(prefix="huntbridge-bench-") as made, helper("bench.sink") as sink:
        library = Path(made) / "later.so"
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(ROOT / "bench/later.c"), "-ldl"]
        subprocess.run(command, check=True, timeout=60)

        def run(name: str, alarms: int, *, first: int = 1, days: int = 0) -> int:
            """The bytes that are stored after `serve` has run with this data directory, days from now. It
            gets alarms, or else time for the jobs of the timer."""
            folder = Path(made) / name
            folder.mkdir(exist_ok=True)
            later = {"LD_PRELOAD": str(library), "LATER_BY": str(days * _DAY)}
            sinks, sections = [f"{sink}/services/T/B/one"], {"follow": {"interval": _INTERVAL}}
            with serving(sinks, sections=sections, folder=folder, environ=later) as serve:
                _alarms(serve, sink, alarms, first=first)
                time.sleep(0 if alarms else 2 * _INTERVAL)
            return stored(folder / "data")

        empty = run("empty", 0)
        after_burst = run("burst", burst)
        for month in range(months):
            run("year", each, first=1 + month * each, days=month * 365 // months)
        after_year = run("year", 0, days=365)
        return {
            "bytes_per_alarm": (after_burst - empty) / burst,
            "bytes_per_alarm_year": (after_year - empty) / (months * each),
        }


def _alarms(serve: Serve, sink: str, count: int, *, first: int) -> None:
    sent = client.send(client.Load(serve.webhooks, BODY, count, first=first))
    if not wait_for(lambda: len(arrived(sink, sent)) == count, 60, every=0.3):
        raise RuntimeError("the alarms were not told in time")
    serve.wait_until_idle(30)


def stored(data: Path) -> int:
    """The bytes of everything in a data directory, after SQLite's log was merged into the database, without
    the database's free pages."""
    Database(data / DATABASE).close()
    with (data / DATABASE).open("rb") as file:
        # From the header of the file: sqlite.org/fileformat.html
        page, free = map(int, struct.unpack(">16xH18xI", file.read(40)))
    return sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) - page * free
