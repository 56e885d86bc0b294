"""How large the database becomes: bytes an alarm of a burst, and of a simulated year with retention."""

from __future__ import annotations

import logging
import struct
import tempfile
from pathlib import Path

from bench import client, storage
from bench.figures import Figures
from bench.processes import helper, wait_for
from bench.serve import BODY, serving
from bench.through import arrived
from shared.hosting.runtime import DATABASE
from shared.local.database import Database

_EACH = 4  # alarms a day


def measure(quick: bool) -> Figures:
    burst, days = (300, 60) if quick else (1_000, 365)
    with tempfile.TemporaryDirectory(prefix="huntbridge-bench-") as made, helper("bench.sink") as sink:

        def run(name: str, alarms: int) -> int:
            """The bytes that are stored after `serve` has told these alarms."""
            folder = Path(made) / name
            folder.mkdir()
            with serving([f"{sink}/services/T/B/one"], folder=folder) as serve:
                sent = client.send(client.Load(serve.webhooks, BODY, alarms))
                if not wait_for(lambda: len(arrived(sink, sent)) == alarms, 60, every=0.3):
                    raise RuntimeError("the alarms were not told in time")
                serve.wait_until_idle(30)
            return stored(folder / "data")

        empty = run("empty", 0)
        per_alarm = (run("burst", burst) - empty) / burst
    logging.disable()  # of a year in this process, a line for each alarm says nothing here
    try:
        year = storage.year(closed=False, days=days, each=_EACH)
    finally:
        logging.disable(logging.NOTSET)
    return {"bytes_per_alarm": per_alarm, "bytes_per_alarm_year": year.bytes_an_alarm}


def stored(data: Path) -> int:
    """The bytes of everything in a data directory, after SQLite's log was merged into the database, without
    the database's free pages."""
    Database(data / DATABASE).close()
    with (data / DATABASE).open("rb") as file:
        # From the header of the file: sqlite.org/fileformat.html
        page, free = map(int, struct.unpack(">16xH18xI", file.read(40)))
    return sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) - page * free
