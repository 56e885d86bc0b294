"""A `huntbridge serve` with its two processes, a simulated Slack, and what was accepted and told."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import yaml

from demo.slack.simulation import Slack
from receiver.destinations.wording import REPEAT
from shared.hosting import runtime
from shared.hosting.configuration import load

TOKEN = "a-token-of-durability"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(condition: Callable[[], object], within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


class Served:
    def __init__(self, folder: Path, slack_url: str, slack: Slack, **environ: str) -> None:
        self.slack, self.port = slack, free_port()
        self.data = folder / "data"
        config = {
            "platform": {"url": f"http://127.0.0.1:{free_port()}", "api_key": "env:API_KEY"},
            "webhook": {"tokens": ["env:WEBHOOK_TOKEN"], "keep_free_mb": 0},
            "destinations": {
                "soc": {"type": "slack", "webhook_url": "env:SLACK_WEBHOOK_URL", "pace": 10_000}
            },
            "default": ["soc"],
        }
        (folder / "huntbridge.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        self.environ = {
            **kept,
            "HOME": str(folder),
            "HUNTBRIDGE_CONFIG": str(folder / "huntbridge.yaml"),
            "HUNTBRIDGE_DATA": str(self.data),
            "AWS_EC2_METADATA_DISABLED": "true",
            "API_KEY": "k",
            "WEBHOOK_TOKEN": TOKEN,
            "SLACK_WEBHOOK_URL": slack_url,
        }
        self._more = environ
        self.log = folder / "serve.log"
        self.accepted: dict[str, int] = {}  # the number of each webhook, by the id of its event
        self.refused: list[int] = []
        self.numbers = itertools.count(100)  # each is an evidence of its own
        self._lock = threading.Lock()
        self.process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/cado"

    def start(self, *before: str, faults: bool = True) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, sys.executable, "-m", "cli.main", "serve", "--port", str(self.port)],
                env=self.environ | (self._more if faults else {}),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        eventually(self.answers)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return requests.get(self.url.replace("/webhooks/cado", "/health"), timeout=5).status_code > 0
        except requests.RequestException:
            return False

    def web(self) -> int:
        """The id of the web process; 0 while there is none."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task").glob("*/children")
        found = [int(child) for file in children for child in file.read_text().split()]
        return found[0] if found else 0

    def has_another_web(self, than: int) -> bool:
        return self.web() not in (0, than)

    def post(self, number: int) -> int:
        """Returns the status; 0 if there was no answer."""
        body = {
            "token": TOKEN,
            "event": "processing_with_alarms",
            "title": "PROCESSING WITH ALARMS",
            "message": f"{1 + number % 9} alarms in project id {10_000 + number} evidence id {number}.",
        }
        try:
            answer = requests.post(self.url, json=body, timeout=20)
        except requests.RequestException:
            return 0
        with self._lock:
            if answer.status_code == 202:
                self.accepted[answer.json()["id"]] = number
            else:
                self.refused.append(number)
        return answer.status_code

    def told(self) -> Counter[str]:
        """How many messages there are about each accepted webhook, except those that say that they may be a
        repeat."""
        texts = [json.dumps(message.body) for message in self.slack.messages]
        return Counter(id for text in texts if REPEAT not in text for id in self.accepted if id in text)

    def kill(self, *processes: int) -> None:
        for process in processes or (self.process.pid,):
            os.kill(process, signal.SIGKILL)
        if self.process.pid in processes or not processes:
            self.process.wait()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check(self, within: float = 90.0) -> None:
        """The ledger knows of everything that was accepted where it went, and no message was repeated without
        saying so."""
        store = runtime.reading(load(None, self.environ), self.data, self.environ).store
        eventually(lambda: all(store.get("event", id, "routed") for id in self.accepted), within)
        eventually(lambda: not self.waiting(), within)
        assert {id: count for id, count in self.told().items() if count > 1} == {}

    def waiting(self) -> int:
        health = requests.get(self.url.replace("/webhooks/cado", "/health"), timeout=20).json()
        return int(health["events"]["waiting"]) + int(health["deliveries"]["waiting"])


@contextmanager
def senders(served: Served, threads: int, pause: float = 0.0) -> Iterator[Callable[[], int]]:
    """Webhooks without end, while the block lasts. Yields how many were answered so far."""
    ended = threading.Event()

    def send() -> None:
        while not ended.is_set():
            if not served.post(next(served.numbers)):
                time.sleep(0.02)
            ended.wait(pause)

    running = [threading.Thread(target=send, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield lambda: len(served.accepted) + len(served.refused)
    finally:
        ended.set()
        for thread in running:
            thread.join()
