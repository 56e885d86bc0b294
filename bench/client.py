"""Sends requests at a given rate, or as fast as they are answered, as a process of its own.

At a rate, each request has a time at which it is due, whether earlier ones were answered or not. Latencies
are counted from that time, so a server that stands still cannot hide it. Each connection is a thread with a
blocking socket: that costs less than a tenth of a millisecond a request.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

_ID = re.compile(rb'"id": ?"([0-9a-f]{16})"')
_TIMEOUT = 30.0  # seconds for one answer


@dataclass(frozen=True)
class Load:
    """`body` has `%016x` or `%d` in the place of the request's number, which counts from `first`."""

    url: str
    body: str
    count: int
    rate: float = 0.0  # requests a second; 0: as fast as they are answered
    connections: int = 8
    first: int = 1


@dataclass(frozen=True)
class Sent:
    due: float  # of the monotonic clock
    answered: float
    status: int  # 0: no answer
    id: str  # that the answer named, or else the number


def send(load: Load) -> list[Sent]:
    """Send the load from another process; returns when every request was answered."""
    limit = 60 + load.count / (load.rate or 20)
    done = subprocess.run(
        [sys.executable, "-m", "bench.client"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        timeout=limit,
        check=True,
    )
    return [Sent(*fields) for fields in json.loads(done.stdout)]


def refused(sent: Sequence[Sent]) -> int:
    return sum(not 200 <= one.status < 300 for one in sent)


class _Connection:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._peer = (parts.hostname, parts.port or 80)
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            "Content-Length: "
        )
        self._socket: socket.socket | None = None

    def post(self, body: str) -> tuple[int, bytes]:
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._peer, timeout=_TIMEOUT)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(f"{self._head}{len(body)}\r\n\r\n{body}".encode())
            return self._answer(self._socket)
        except OSError:
            self._socket = None
            return 0, b""

    def _answer(self, connected: socket.socket) -> tuple[int, bytes]:
        read = b""
        while (end := read.find(b"\r\n\r\n")) < 0:
            read += _some(connected)
        head, body = read[:end].lower(), read[end + 4 :]
        length = re.search(rb"content-length: *(\d+)", head)
        while length and len(body) < int(length[1]):
            body += _some(connected)
        if b"connection: close" in head:
            connected.close()
            self._socket = None
        return int(head[9:12]), body


def _some(connected: socket.socket) -> bytes:
    if not (data := connected.recv(65_536)):
        raise ConnectionResetError
    return data


def _run(load: Load) -> list[Sent]:
    sent: list[Sent] = []
    numbers, lock = iter(range(load.count)), threading.Lock()
    began = time.monotonic() + 0.05

    def work() -> None:
        connection = _Connection(load.url)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            due = began + number / load.rate if load.rate else max(began, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            status, body = connection.post(load.body % (load.first + number))
            named = _ID.search(body)
            id = named[1].decode() if named else f"{load.first + number:016x}"
            sent.append(Sent(due, time.monotonic(), status, id))

    threads = [threading.Thread(target=work) for _ in range(load.connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sent


if __name__ == "__main__":
    answers = _run(Load(**json.load(sys.stdin)))
    print(json.dumps([(one.due, one.answered, one.status, one.id) for one in answers]))
