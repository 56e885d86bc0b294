"""The same load on Prometheus Alertmanager, which keeps its alerts in memory: ingest and through.

Each alert is a group of its own with `group_wait: 0s`, and goes to the same sink as huntbridge's messages.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from bench import client, wrk
from bench.figures import Figures, percentile
from bench.processes import end, free_port, helper, wait_for
from bench.through import RATES, at_rate

COMMAND = "prometheus-alertmanager"
_SECONDS = 3.0  # of each measurement
_BODY = '[{"labels": {"alertname": "ALARM", "severity": "suspicious", "id": "%016x"}}]'


def missing() -> str:
    return "" if shutil.which(COMMAND) else f"{COMMAND} is not installed"


def measure(quick: bool) -> Figures:
    figures: Figures = {}
    with helper("bench.sink") as sink:
        for connections in (1, 8):
            with _alertmanager(sink) as url:
                client.send(client.Load(url, _BODY, 500, first=900_000))
                taken = wrk.load(url, _BODY, connections=connections, seconds=_SECONDS, first=1_000_000)
                figures[f"alertmanager_ingest_{connections}"] = taken.per_second
    with helper("bench.sink") as sink, _alertmanager(sink) as url:
        client.send(client.Load(url, _BODY, 50, first=900_000))
        for rate in RATES:
            sent = at_rate(url, _BODY, sink, rate, quick)
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                figures[f"alertmanager_through_{rate}_{name}"] = percentile(sent, share) * 1000
    return figures


@contextmanager
def _alertmanager(sink: str) -> Iterator[str]:
    """Yields the URL for alerts."""
    config = {
        "route": {
            "receiver": "soc",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "5m",
            "repeat_interval": "4h",
        },
        "receivers": [
            {"name": "soc", "webhook_configs": [{"url": f"{sink}/services/T/B/one", "send_resolved": False}]}
        ],
    }
    with tempfile.TemporaryDirectory(prefix="alertmanager-bench-") as made:
        path, address = Path(made) / "alertmanager.yml", f"127.0.0.1:{free_port()}"
        path.write_text(yaml.safe_dump(config))
        with (Path(made) / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    COMMAND,
                    f"--config.file={path}",
                    f"--storage.path={made}/data",
                    f"--web.listen-address={address}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
            )
        try:
            if not wait_for(lambda: _is_up(address), 20):
                raise RuntimeError((Path(made) / "log").read_text()[-2000:])
            yield f"http://{address}/api/v2/alerts"
        finally:
            end(process)


def _is_up(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/-/ready", timeout=1).ok
    except requests.RequestException:
        return False


def versions() -> dict[str, str]:
    if missing():
        return {}
    done = subprocess.run([COMMAND, "--version"], capture_output=True, text=True, timeout=10, check=True)
    said = (done.stdout or done.stderr).split()
    return {"alertmanager": said[2].strip(",")}
