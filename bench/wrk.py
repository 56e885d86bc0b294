"""As many requests as a server takes, by `wrk` (Debian has it), or by `bench.client` where it is missing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import client

# Each request has a number of its own. `done` prints one line of JSON.
_SCRIPT = """
local number, body = {first}, {body}
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  number = number + 1
  return wrk.format(nil, nil, nil, string.format(body, number))
end
done = function(summary, latency, requests)
  print(string.format('{{"count": %d, "seconds": %f, "bad": %d, "p50": %f, "p99": %f}}',
    summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6))
end
"""


@dataclass(frozen=True)
class Taken:
    began: float  # of the monotonic clock
    ended: float
    per_second: float
    refused: int


def name() -> str:
    return "wrk" if shutil.which("wrk") else "bench.client"


def load(url: str, body: str, *, connections: int, seconds: float, first: int) -> Taken:
    """`body` has `%d` or `%016x` in the place of the request's number, which counts from `first`."""
    began = time.monotonic()
    if not shutil.which("wrk"):
        return _by_client(url, body, connections, seconds, first)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(_SCRIPT.format(first=first, body=json.dumps(body)))
        options = ["-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", str(script)]
        done = subprocess.run(
            ["wrk", *options, url], capture_output=True, text=True, timeout=seconds + 30, check=True
        )
    ended = time.monotonic()
    found = re.search(r"^\{.*\}$", done.stdout, re.M)
    assert found, done.stdout
    result = json.loads(found[0])
    return Taken(began, ended, (result["count"] - result["bad"]) / result["seconds"], result["bad"])


def _by_client(url: str, body: str, connections: int, seconds: float, first: int) -> Taken:
    """The same for about as long: a short run tells how many requests fit."""
    trial = client.send(client.Load(url, body, 200, connections=connections, first=first))
    rate = len(trial) / (max(one.answered for one in trial) - min(one.due for one in trial))
    count = max(200, int(rate * seconds))
    sent = client.send(client.Load(url, body, count, connections=connections, first=first + 200))
    began, ended = min(one.due for one in sent), max(one.answered for one in sent)
    bad = client.refused(sent)
    return Taken(began, ended, (len(sent) - bad) / (ended - began), bad)
