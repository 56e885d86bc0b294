"""CPU time and operations that one alarm costs in the handlers: `python -m bench.handlers`.

One thread takes distinct webhooks from [events] and their messages from [deliveries], with a real database in
a file. A peer in a process of its own answers at once for the destinations and, if asked to, for the
platform. Prints one JSON object for each case. CPU time is that of the whole process, so it includes the
threads that ask the sources. `quiet` is the fastest tenth of the alarms, which other work on the machine has
slowed down least.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import socket
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import mean
from typing import Any

from receiver import assemble
from receiver.cases.judge import Judge
from receiver.cases.lifecycle import CaseLifecycle
from receiver.deliveries.record import Recorder
from receiver.events import worker as events_worker
from receiver.events.dedupe import Dedupe
from receiver.events.enrich import Enricher
from receiver.events.worker import EventWorker
from shared.config.config import Config
from shared.hosting import log, runtime
from shared.http.client import Http
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.queues import items
from shared.queues.worker import work

# What is timed, by the name under which it is printed. Each part includes what it calls.
PARTS: dict[str, tuple[Any, str]] = {
    "parse": (events_worker, "parse"),
    "enrich": (Enricher, "enrich"),
    "dedupe": (Dedupe, "decide"),
    "judge": (Judge, "judge"),
    "route": (events_worker, "targets"),
    "case": (CaseLifecycle, "add"),
    "enqueue": (EventWorker, "_enqueue"),
    "record event": (EventWorker, "_record"),
    "compose": (CaseLifecycle, "message"),
    "HTTP": (Http, "request"),
    "record delivery": (Recorder, "record"),
}
OPERATIONS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "reads": (SqliteStore, ("get", "scan", "page", "read_many")),
    "writes": (SqliteStore, ("put", "delete")),
    "queue": (SqliteQueue, ("put", "claim", "done", "retry", "dead")),
    "JSON encodes": (json, ("dumps",)),
    "JSON decodes": (json, ("loads",)),
}
DESTINATIONS: dict[str, dict[str, Any]] = {
    "soc": {"type": "slack", "webhook_url": "env:SLACK", "pace": 10_000},
    "siem": {"type": "webhook", "url": "env:SIEM", "secrets": ["env:SECRET"], "pace": 10_000},
    "office": {"type": "teams", "webhook_url": "env:TEAMS", "pace": 10_000},
}


class Peer(BaseHTTPRequestHandler):
    """Slack, Teams, a receiver of documents, and a platform that knows every evidence."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b"ok")

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        self._answer(200, json.dumps({"status": "success", **_platform(path, query)}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args: object) -> None:
        """Write no access log."""


def _platform(path: str, query: str) -> dict[str, Any]:
    found = {"malicious": 7, "suspicious": 8}
    number = path.rpartition("/")[2]
    if "/evidences/" in path:
        resource = {"id": f"vol-{number}", "type": "EBS", "account_id": "123456789012"}
        return {
            "data": {
                "id": int(number),
                "project_id": 12,
                "display_name": f"vol-{number}",
                "alarms": found,
                "details": {"os": "Linux", "hostname": f"ip-{number}"},
                "resource": {**resource, "parent_id": f"i-{int(number):017x}"},
                "last_processed": 1783303000,
            }
        }
    if "/projects/" in path:
        return {"data": {"id": 12, "alarms": found, "details": {"name": "weekly_2026-07-06"}}}
    miner = {"description": "Malicious File Detected: wannamine", "severity": 1, "attack": ["T1496"]}
    shell = {"description": "Possible WebShell Command", "severity": 3, "attack": ["T1505.003"]}
    if path.endswith("/summary"):
        rows = [
            {**miner, "content_alarm_count": 7, "event_alarm_count": 0, "total_count": 7},
            {**shell, "content_alarm_count": 0, "event_alarm_count": 8, "total_count": 8},
        ]
        return {"data": {"total": 15, "breakdown": rows}}
    listed = [
        {**miner, "type": "content", "full_path": f"/var/www/uploads/{n}.sh", "item_id": f"{n:064x}"}
        for n in range(7)
    ]
    return {"data": listed, "pagination": {"total_pages": 1}}


def _serve(port: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def peer() -> Iterator[str]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()


@contextmanager
def measured(spent: defaultdict[str, float], counts: Counter[str]) -> Iterator[None]:
    """Adds up CPU seconds and operations by their names."""

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def run(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            try:
                return call(*args, **kwargs)
            finally:
                spent[name] += time.process_time() - began

        return run

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def run(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return call(*args, **kwargs)

        return run

    wrapped = [(owner, method, timed, name) for name, (owner, method) in PARTS.items()]
    wrapped += [(o, method, counted, name) for name, (o, methods) in OPERATIONS.items() for method in methods]
    wrapped.append((logging.Logger, "handle", counted, "log lines"))
    before = [(owner, method, getattr(owner, method)) for owner, method, _, _ in wrapped]
    for owner, method, wrap, name in wrapped:
        setattr(owner, method, wrap(name, getattr(owner, method)))
    try:
        yield
    finally:
        for owner, method, call in before:
            setattr(owner, method, call)


def run(alarms: int, destinations: int, *, platform: bool, warm: int = 50) -> dict[str, Any]:
    """`platform`: it answers; otherwise it refuses connections."""
    spent: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    whole: list[float] = []
    delivering: list[float] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        peer() as url,
        socket.socket() as closed,
        Path(os.devnull).open("w") as nowhere,
    ):
        closed.bind(("127.0.0.1", 0))  # and does not listen
        log.setup("INFO", json=True, stream=nowhere)
        chosen = dict(list(DESTINATIONS.items())[:destinations])
        config = Config.model_validate(
            {
                "platform": {
                    "url": url if platform else f"http://127.0.0.1:{closed.getsockname()[1]}",
                    "api_key": "env:KEY",
                },
                "destinations": chosen,
                "default": list(chosen),
                "delivery": {"group_wait": 0},
            }
        )
        environ = {"KEY": "key", "SECRET": "secret-of-the-receiver-1"}
        environ |= {name.upper(): f"{url}/{name}" for name in ("slack", "siem", "teams")}
        made = runtime.local(config, Path(folder), environ)
        made.proxies = {}
        handlers = assemble.work(made)
        counting = measured(spent, counts)
        for number in range(warm + alarms):
            if number == warm:
                counting.__enter__()
            began = time.process_time()
            made.events.put(items.encode(items.Webhook(_webhook(number), datetime.now(UTC))))
            while work(made.events, handlers.event, lease=60):
                pass
            began_delivering = time.process_time()
            while work(made.deliveries, handlers.delivery, lease=60):
                pass
            ended = time.process_time()
            delivering.append(ended - began_delivering)
            whole.append(ended - began)
        counting.__exit__(None, None, None)
        depth = made.events.depth(), made.deliveries.depth()
        assert all(each.ready + each.delayed + each.leased + each.dead == 0 for each in depth), depth
    return {
        "destinations": destinations,
        "platform": "answers" if platform else "refuses",
        "deliveries": _of(delivering[warm:]),
        "alarm": _of(whole[warm:]),
        "parts": {name: round(1000 * seconds / alarms, 3) for name, seconds in spent.items()},
        "operations": {name: round(count / alarms, 2) for name, count in counts.items()},
    }


def _of(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    fastest = sorted(seconds)[: max(1, len(seconds) // 10)]
    return {"mean": round(1000 * mean(seconds), 3), "quiet": round(1000 * mean(fastest), 3)}


def _webhook(number: int) -> bytes:
    about = f"5 high severity alarms detected in project id 12 evidence id {1000 + number}."
    body = {"event": "processing_with_alarms", "title": "PROCESSING WITH ALARMS", "message": about}
    return json.dumps(body).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--alarms", type=int, default=500)
    alarms = parser.parse_args().alarms
    for platform in (False, True):
        for destinations in (1, 3):
            print(json.dumps(run(alarms, destinations, platform=platform)), flush=True)


if __name__ == "__main__":
    main()
