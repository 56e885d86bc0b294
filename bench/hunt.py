"""How fast a hunt requests its captures, beside the loop of the original Lambda function.

The simulated platform answers after 200 ms and runs any number of captures at once. For each size one
`huntbridge hunt run` runs in a process of its own with an empty data directory. The loop makes one request
after another, for 50 systems, against the same platform.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from bench.figures import Figures
from bench.processes import ROOT, helper, used
from bench.slow_platform import LATENCY
from bench.systems import ACCOUNTS, KEY, REGION, targets

_LOOP = 50  # systems
_IN_FLIGHT = 32  # requests, of the hunt that is compared with what the platform's answers allow


def measure(quick: bool) -> Figures:
    """All but the largest hunt, which one run measures."""
    small, middle = hunt(100), hunt(1_000)
    return {
        "hunt_100": small.seconds,
        "hunt_1000": middle.seconds,
        "hunt_first": min(small.to_first, middle.to_first),
        "hunt_memory_1000": middle.memory / 1e6,
    }


def measure_once(quick: bool) -> Figures:
    """What needs no second run: the original loop and, unless in a hurry, the largest hunt."""
    each = original_loop(20 if quick else _LOOP)
    figures = {"loop_1000": each * 1_000}
    if not quick:
        large, mixed = hunt(10_000), hunt(1_000, mixed=True)
        limited = hunt(1_000, mixed=True, in_flight=_IN_FLIGHT)
        figures |= {
            "hunt_10000": large.seconds,
            "hunt_memory_10000": large.memory / 1e6,
            "hunt_memory_growth": large.growth,
            "hunt_mixed": mixed.seconds,
            "hunt_limit": limited.asking / (1_000 * each / _IN_FLIGHT),
        }
    return figures


def original_loop(systems: int) -> float:
    """Seconds per system if they are requested one after another."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with helper("bench.slow_platform", "--systems", str(systems)) as url:
        project = requests.post(
            f"{url}/api/v2/projects", json={"caseName": "loop"}, headers=headers, timeout=30
        ).json()
        began = time.monotonic()
        for number in range(1, systems + 1):
            body = {"instance_id": f"i-{number:017x}", "region": REGION, "bucket": ""}
            requests.post(
                f"{url}/api/v2/projects/{project['id']}/imports/ec2", json=body, headers=headers, timeout=30
            ).raise_for_status()
        return (time.monotonic() - began) / systems


@dataclass(frozen=True)
class Hunted:
    to_first: float  # seconds from the start of the process to its first request for a capture
    seconds: float  # to the answer to its last one
    asking: float  # seconds from its first request to the answer to its last one
    memory: int  # the most bytes that its processes had at once
    growth: float  # its bytes at the last request, as a multiple of those at the thousandth


def hunt(size: int, *, mixed: bool = False, in_flight: int = 64) -> Hunted:
    """`in_flight`: requests that may wait for the platform at once.

    Raises RuntimeError unless each system was asked for exactly once.
    """
    arguments = ["--systems", str(size), *(["--mixed"] if mixed else [])]
    with helper("bench.slow_platform", *arguments) as url, tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "huntbridge.yaml"
        document = {
            "platform": {"url": url, "api_key": "env:API_KEY", "max_requests": in_flight},
            "accounts": ACCOUNTS if mixed else {},
            "hunts": {"big": {"targets": targets(size, mixed=mixed)}},
        }
        config.write_text(yaml.safe_dump(document))
        command = [sys.executable, "-m", "cli.main", "hunt", "run", "--config", str(config)]
        environ = {**os.environ, "API_KEY": KEY, "HUNTBRIDGE_DATA": str(Path(folder) / "data")}
        began = time.time()
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
            memory: list[tuple[float, int]] = []
            while process.poll() is None:
                memory.append((time.time(), used(process.pid).resident))
                time.sleep(0.2)
        at = requests.get(f"{url}/bench/requests", timeout=60).json()
        asked = requests.get(f"{url}/bench/asked", timeout=60).json()
        if process.returncode or asked != size or len(at) != size:
            said = (Path(folder) / "log").read_text()[-2_000:]
            raise RuntimeError(f"{said}\n{asked} of {size} systems were asked for with {len(at)} requests")
        first, last = min(at), max(at) + LATENCY
        growth = _nearest(memory, max(at)) / _nearest(memory, sorted(at)[min(999, size - 1)])
        most = max(seen for _, seen in memory)
        return Hunted(first - began, last - began, last - first, most, growth)


def _nearest(memory: list[tuple[float, int]], moment: float) -> int:
    """The bytes that were seen closest to this moment."""
    return min(memory, key=lambda seen: abs(seen[0] - moment))[1]
