"""One look at the whole organization, as the timer and the worker do it: the time that it takes, and the
memory. Run as a program, so that the memory is its own."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from scheduler.coverage import compare_with_ec2
from scheduler.worker import captures_handler
from shared.config.config import Config
from shared.hosting import runtime as runtimes
from shared.hosting.runtime import Runtime
from shared.queues import leases
from shared.queues.worker import work


def look(runtime: Runtime) -> float:
    """Look until the result is there. Returns the seconds that it took."""
    began = time.monotonic()
    before = runtime.ledger.listings.last()
    while runtime.ledger.listings.last() == before:
        compare_with_ec2(runtime)
        while work(runtime.captures, captures_handler(runtime), lease=leases.CAPTURE):
            pass
    return time.monotonic() - began


def peak_megabytes() -> float:
    """The most memory that this process ever had."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main(config: str, data: str) -> dict[str, Any]:
    runtime = runtimes.local(Config.model_validate_json(config), Path(data), {"KEY": "k"})
    seconds = look(runtime)
    return {"seconds": seconds, "megabytes": peak_megabytes()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
