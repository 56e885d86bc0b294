"""A real `huntbridge serve` as a process, with a configuration for measurements and a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from bench.processes import ROOT, Used, end, used, wait_for

TOKEN = "bench-webhook-token-of-32-letters"
# A hunt brings many alarms of one project. Every alarm has an evidence of its own.
_TEXT = "2 suspicious severity events detected in project id {project} evidence id %d."
BODY = (
    f'{{"token": "{TOKEN}", "event": "suspicious_severity_event", "title": "ALARM", "message": "'
    + _TEXT.format(project=3)
    + '"}'
)
_LOG, _SAID = "serve.log", "serve.out"
_URL = re.compile(r"webhooks go to (\S+)")
NOWHERE = "http://127.0.0.1:9"  # nobody listens on this port
START = 90.0  # seconds


def configuration(
    sinks: list[str], platform: str = NOWHERE, sections: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The configuration and its secrets: one Slack destination without a pace for each of these URLs."""
    secrets = {"CADO_API_KEY": "bench-key", "WEBHOOK_TOKEN": TOKEN}
    destinations = {}
    for number, url in enumerate(sinks):
        secrets[f"SLACK_{number}"] = url
        destinations[f"soc{number}"] = {"type": "slack", "webhook_url": f"env:SLACK_{number}", "pace": 10_000}
    config = {
        "platform": {"url": platform, "api_key": "env:CADO_API_KEY"},
        "webhook": {"tokens": ["env:WEBHOOK_TOKEN"], "max_waiting": 1_000_000},
        "destinations": destinations,
        "default": list(destinations),
        # Like Alertmanager's `group_wait: 0s`: no alarm waits for others of the same system.
        "delivery": {"group_wait": 0, "group_wait_malicious": 0},
        **(sections or {}),
    }
    return config, secrets


class Serve:
    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process, self._folder = process, folder
        self.data = folder / "data"
        self.webhooks = self._when_up()
        self._health = self.webhooks.replace("/webhooks/cado", "/health")

    def used(self) -> Used:
        return used(self._process.pid)

    def waiting(self) -> int | None:
        """How many items wait in the queues; None if nobody answers."""
        try:
            health = requests.get(self._health, timeout=5).json()
        except (requests.RequestException, ValueError):
            return None
        return int(health["events"]["waiting"]) + int(health["deliveries"]["waiting"])

    def _when_up(self) -> str:
        """The URL for webhooks, which `serve` prints when it listens there."""

        def said() -> str:
            found = _URL.search((self._folder / _SAID).read_text(encoding="utf-8"))
            return found[1] if found else ""

        wait_for(lambda: bool(said()) or self._process.poll() is not None, START)
        if url := said():
            return url
        log = (self._folder / _LOG).read_text(encoding="utf-8")
        raise RuntimeError(f"huntbridge serve does not run:\n{log[-3000:]}")

    def wait_until_idle(self, within: float) -> bool:
        """Whether nothing waits in the queues within this time (seconds)."""
        return wait_for(lambda: self.waiting() == 0, within, every=0.2)


@contextmanager
def serving(
    sinks: list[str],
    *,
    platform: str = NOWHERE,
    sections: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Iterator[Serve]:
    """A `serve` that answers. `folder` keeps its data."""
    with tempfile.TemporaryDirectory(prefix="huntbridge-bench-") as made:
        folder = folder or Path(made)
        config, secrets = configuration(sinks, platform, sections)
        path = folder / "huntbridge.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        command = [sys.executable, "-m", "cli.main", "serve", "--port", "0"]
        with (folder / _LOG).open("ab") as log, (folder / _SAID).open("wb") as said:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(folder),
                    "AWS_EC2_METADATA_DISABLED": "true",
                    "HUNTBRIDGE_CONFIG": str(path),
                    "HUNTBRIDGE_DATA": str(folder / "data"),
                    **secrets,
                },
                stdout=said,
                stderr=log,
            )
        try:
            yield Serve(process, folder)
        finally:
            end(process)
