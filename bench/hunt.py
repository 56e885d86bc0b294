"""How fast a hunt requests its captures, compared with the loop that it replaces: `python -m bench.hunt`.

The simulated platform answers in 200 ms, about as a real one does, and runs any number of captures at once.
For each size one `huntbridge hunt run` runs in a process of its own with an empty data directory. Its memory
is read from the kernel after every thousand requests. The loop is the one of the original Lambda function:
one request after another, for 100 systems, against the same platform.

Then a hunt of 1,000 systems of five kinds is measured, which it finds through the platform. The limit for its
requests is the latency that the loop measured, divided by the requests in flight.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from demo.platform.records import Machine, SimInstance, SimSystem, SimVolume
from demo.platform.simulation import Platform
from demo.serving import serving

LATENCY = 0.2
REGION = "us-east-1"
LOOP = 100
KEY = "lead-analyst-key"
MIXED = 1_000
IN_FLIGHT = 32  # platform.max_requests of the mixed hunt, with which the platform's answers set the pace
SUBSCRIPTION = "0f8fad5b-d9cb-469f-a165-70867728950e"


def fleet(size: int) -> list[SimInstance]:
    return [
        SimInstance(f"i-{number:017x}", f"system-{number}", REGION, volumes=(SimVolume(f"vol-{number:x}"),))
        for number in range(1, size + 1)
    ]


def mixed_fleet(size: int) -> list[Machine]:
    """A fifth each of EC2 instances, Azure machines, Google machines, tasks on ECS and functions."""
    each = size // 5
    systems: list[Machine] = [*fleet(each)]
    for number in range(each):
        name, group = f"system-{number}", f"group-{number % 10}"
        place = {"region": REGION, "cluster": f"cluster-{number % 4}"}
        systems += [
            SimSystem("azure_vm", "azure", {"subscription": SUBSCRIPTION, "group": group, "vm": name}),
            SimSystem("gce", "gcp", {"project": group, "zone": "europe-west1-b", "vm": name}),
            SimSystem("ecs", "Default", {**place, "task": f"task-{number}", "container": "app"}),
            SimSystem("lambda", "Default", {"region": REGION, "function": name}),
        ]
    return systems


MIXED_TARGETS: list[dict[str, Any]] = [
    {"kind": "azure_vm", "account": "az"},
    {"kind": "gce", "account": "gcp"},
    {"kind": "ecs", "regions": REGION},
    {"kind": "lambda", "regions": REGION},
]
ACCOUNTS = {
    "az": {"provider": "azure", "cado_account": "azure"},
    "gcp": {"provider": "gcp", "cado_account": "gcp", "export": {"project": "p", "bucket": "b"}},
}


@contextmanager
def platform(systems: Sequence[Machine]) -> Iterator[tuple[Platform, str]]:
    simulated = Platform(systems, {KEY: "Lead Analyst"}, latency=LATENCY, workers=10**6)
    with serving(simulated.app) as url:
        yield simulated, url


def original_loop(systems: list[SimInstance]) -> float:
    """Seconds per system if they are requested one after another."""
    headers = {"Authorization": f"Bearer {KEY}"}
    with platform(systems) as (_, url):
        project = requests.post(
            f"{url}/api/v2/projects", json={"caseName": "loop"}, headers=headers, timeout=30
        ).json()
        began = time.monotonic()
        for system in systems:
            body = {"instance_id": system.instance_id, "region": REGION, "bucket": ""}
            requests.post(
                f"{url}/api/v2/projects/{project['id']}/imports/ec2", json=body, headers=headers, timeout=30
            ).raise_for_status()
        return (time.monotonic() - began) / len(systems)


@dataclass(frozen=True)
class Measured:
    to_first: float  # seconds from the process's start to its first request for a capture
    to_last: float  # to the answer to its last one
    memory: list[tuple[int, int]]  # kilobytes by requests


def hunt(systems: Sequence[Machine]) -> Measured:
    size = len(systems)
    with platform(systems) as (simulated, url), tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "huntbridge.yaml"
        targets: list[dict[str, Any]] = [
            {"instance": system.instance_id, "region": REGION}
            for system in systems
            if isinstance(system, SimInstance)
        ]
        is_mixed = len(targets) < size
        document = {
            "platform": {"url": url, "api_key": "env:API_KEY"}
            | ({"max_requests": IN_FLIGHT} if is_mixed else {}),
            "accounts": ACCOUNTS if is_mixed else {},
            "hunts": {"big": {"targets": targets + (MIXED_TARGETS if is_mixed else [])}},
        }
        config.write_text(yaml.safe_dump(document))
        command = [sys.executable, "-m", "cli.main", "hunt", "run", "--config", str(config)]
        environ = {**os.environ, "API_KEY": KEY, "HUNTBRIDGE_DATA": str(Path(folder) / "data")}
        began = time.time()
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        memory = _memory_by_requests(process, simulated, size)
        output, errors = process.communicate()
        asked = simulated.asked
        if process.returncode or len(asked) != size or set(asked.values()) != {1}:
            raise SystemExit(f"{output.decode()}{errors.decode()[-2_000:]}\n{len(asked)} systems asked for")
        times = [r.at for r in simulated.requests if r.method == "POST" and "/import/" in r.path]
        return Measured(min(times) - began, max(times) + LATENCY - began, memory)


def _memory_by_requests(
    process: subprocess.Popen[bytes], simulated: Platform, size: int
) -> list[tuple[int, int]]:
    memory: list[tuple[int, int]] = []
    step = 1_000 if size > 1_000 else max(1, size // 4)
    wanted = 1
    while process.poll() is None:
        asked = len(simulated.world.asked)
        if asked >= wanted:
            memory.append((asked, _resident(process.pid)))
            wanted = (asked // step + 1) * step
        time.sleep(0.05)
    return memory


def _resident(pid: int) -> int:
    """The process's memory in kilobytes; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, default=[1_000, 10_000])
    sizes = parser.parse_args().sizes
    each = original_loop(fleet(LOOP))
    print(f"the original loop: {each:.3f} s a system, measured on {LOOP}")
    for size in sizes:
        measured = hunt(fleet(size))
        took, memory = measured.to_last, measured.memory
        print(f"huntbridge: {size:,} systems asked for in {took:.1f} s; the loop: {each * size:,.0f} s")
        shown = ", ".join(f"{asked:,}: {kilobytes / 1024:.0f}" for asked, kilobytes in memory if kilobytes)
        print(f"  its memory in MB by systems asked for: {shown}")
    measured = hunt(mixed_fleet(MIXED))
    took, limit = measured.to_last - measured.to_first, MIXED * each / IN_FLIGHT
    print(
        f"mixed: {MIXED:,} systems of five kinds asked for in {took:.1f} s, {took / limit:.2f} times the "
        f"limit of {limit:.1f} s ({IN_FLIGHT} in flight); found after {measured.to_first:.1f} s"
    )


if __name__ == "__main__":
    main()
