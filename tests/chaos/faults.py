"""What goes wrong on the wire: a WSGI layer in front of the simulated tools and of the simulated platform.

A request comes in and reaches the tool, or meets the fault that is set for that tool just then. Each fault
says whether the tool had taken the message: only then may its sender's next try be a repeat.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

from werkzeug.wrappers import Response

HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """`share` of the requests meet it, at most `times` in all; `seconds` is how long it takes."""

    kind: str
    share: float = 1.0
    times: int | None = None
    seconds: float = 0.0


class Faulty:
    """The faults of several tools behind one server. `tool_of` names the tool by the path."""

    def __init__(self, app: Any, tool_of: Callable[[str], str], rng: random.Random) -> None:
        self.met: Counter[str] = Counter()  # "tool kind" → how often
        self._app, self._tool_of, self._rng = app, tool_of, rng
        self._faults: dict[str, tuple[Fault, ...]] = {}
        self._left: dict[tuple[str, Fault], int] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def set(self, tool: str, *faults: Fault) -> None:
        with self._lock:
            self._faults[tool] = faults
            self._left = {key: left for key, left in self._left.items() if key[0] != tool}

    def release(self) -> None:
        """Let go of whoever hangs now."""
        over, self._over = self._over, threading.Event()
        over.set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        fault = self._next(self._tool_of(environ.get("PATH_INFO", "")))
        if fault is None:
            answer: Iterable[bytes] = self._app(environ, start_response)
            return answer
        return _ACTIONS[fault.kind](self, fault, environ)(environ, start_response)

    def _next(self, tool: str) -> Fault | None:
        with self._lock:
            for fault in self._faults.get(tool, ()):
                left = self._left.setdefault((tool, fault), -1 if fault.times is None else fault.times)
                if left and self._rng.random() < fault.share:
                    self._left[tool, fault] = left - 1
                    self.met[f"{tool} {fault.kind}"] += 1
                    return fault
        return None

    def _work(self, environ: dict[str, Any]) -> Response:
        return Response.from_app(self._app, environ, buffered=True)

    def _slow(self, fault: Fault, environ: dict[str, Any]) -> Response:
        self._over.wait(fault.seconds)
        return self._work(environ)

    def _hang(self, fault: Fault, environ: dict[str, Any]) -> Response:
        self._over.wait(fault.seconds)
        return _cut(environ)

    def _lose_answer(self, fault: Fault, environ: dict[str, Any]) -> Response:
        self._work(environ)
        self._over.wait(fault.seconds)
        return _cut(environ)


def _cut(environ: dict[str, Any]) -> Response:
    """End the connection. Werkzeug holds the socket a second time, so closing it here would not be enough.
    It takes ConnectionResetError for a client that has gone away."""
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        with suppress(OSError):  # the client may be gone already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
    raise ConnectionResetError("a fault of the schedule")


def _answer(status: int, body: str = "", **headers: str) -> Callable[..., Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _self, _fault, _environ: Response(body, status, named, content_type="text/html")


_ACTIONS: dict[str, Callable[..., Response]] = {
    "429 seconds": _answer(429, "rate_limited", Retry_After="2"),
    "429 one second": _answer(429, "rate_limited", Retry_After="1"),
    "429 date": lambda *_: Response("", 429, {"Retry-After": formatdate(time.time() + 3, usegmt=True)}),
    "500": _answer(500, "Internal Server Error"),
    "502 HTML": _answer(502, HTML),
    "503": _answer(503, "Service Unavailable"),
    "hang": Faulty._hang,  # the body was read, and no answer comes
    "reset": lambda _self, _fault, environ: _cut(environ),  # the body was read, and not looked at
    "lost answer": Faulty._lose_answer,  # the message was taken
    "slow": Faulty._slow,
}
