"""Measures everything and prints the table: `make bench`, or `make bench QUICK=1`.

Most is measured in up to three rounds, one scenario after the other, and the best value of each row counts,
since a busy machine only makes a figure worse. A round that would not end within the time limit is left out.
What needs no repetition is measured after that. Everything listens on 127.0.0.1. Ends with 1 if something
could not be measured; a missed target is in the table.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    alertmanager,
    aws,
    burst,
    enriched,
    far_ends,
    growth,
    hunt,
    idle,
    ingest,
    init,
    results,
    through,
    year,
)
from bench.figures import Figures, merged
from bench.results import BEFORE, Results
from bench.rows import ROWS


@dataclass(frozen=True)
class Scenario:
    name: str
    measure: Callable[[bool], Figures]
    missing: Callable[[], str] = str  # what keeps it from being measured; empty if nothing does


ONCE = (
    Scenario("far ends", far_ends.measure),
    Scenario("alertmanager", alertmanager.measure, alertmanager.missing),
    Scenario("idle", idle.measure),
    Scenario("init", init.measure, init.missing),
    Scenario("growth", growth.measure),
    Scenario("year", year.measure),
    Scenario("large hunts", hunt.measure_once),
    Scenario("cost on AWS", aws.measure_once, aws.missing),
)
ROUNDS = (
    Scenario("ingest", ingest.measure),
    Scenario("through", through.measure),
    Scenario("burst", burst.measure),
    Scenario("enriched", enriched.measure),
    Scenario("hunt", hunt.measure),
    Scenario("functions", aws.measure, aws.missing),
)


_ROUNDS = 360.0  # seconds for all rounds


class Run:
    def __init__(self, quick: bool, only: list[str]) -> None:
        self._quick, self._only = quick, only
        self._began = time.monotonic()
        self.figures: list[Figures] = []
        self.skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def measure(self, scenarios: tuple[Scenario, ...]) -> None:
        for scenario in scenarios:
            if self._only and scenario.name not in self._only:
                continue
            if why := scenario.missing():
                self.skipped[scenario.name] = why
                continue
            began = time.monotonic()
            try:
                self.figures.append(scenario.measure(self._quick))
            except Exception as error:  # noqa: BLE001 (the other scenarios are measured all the same)
                print(error, file=sys.stderr)
                self.failed[scenario.name] = f"{type(error).__name__}: {error}".partition("\n")[0]
            print(f"{scenario.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)

    def rounds(self, most: int, limit: float) -> None:
        """`limit`: seconds since the beginning in which the last round must end."""
        for _ in range(most):
            began = self.seconds
            self.measure(ROUNDS)
            if self.seconds + (self.seconds - began) > limit:
                return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="one round, fewer and smaller loads: two minutes"
    )
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO")
    parser.add_argument("--output", type=Path, help="write the results into this file")
    options = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    commit, versions = results.commit(), results.versions()
    machine = results.machine() | {"load_at_start": round(os.getloadavg()[1], 1)}
    run = Run(options.quick, options.only)
    run.rounds(1 if options.quick else 3, _ROUNDS)
    run.measure(ONCE)
    found = Results(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        commit=commit,
        quick=options.quick,
        seconds=round(run.seconds),
        machine=machine,
        versions=versions,
        values=merged(ROWS, run.figures),
        skipped=run.skipped,
        failed=run.failed,
    )
    if options.output:
        results.write(found, options.output)
    print(results.as_text(results.table(found, results.read(BEFORE))))
    for name, why in (*run.skipped.items(), *run.failed.items()):
        print(f"not measured: {name}: {why}")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
