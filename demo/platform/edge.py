"""WSGI middleware before the simulated platform's app: latency, requested faults, and a record of requests.

To cut a connection it shuts down the socket, which werkzeug's server leaves in the WSGI environment, and
raises ConnectionResetError, which that server treats as a client that went away. Flask's test client raises
the error to the test.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ACTION = re.compile(r"reset|timeout|slow:\d+(\.\d+)?|after:\d{3}")
_TEXTS = {429: "Too many requests", 500: "Internal server error", 503: "The platform is starting"}


@dataclass(frozen=True)
class Request:
    """One request that was carried out or refused. `status` may never have reached the client."""

    method: str
    path: str
    status: int
    at: float


@dataclass
class Fault:
    method: str
    path: re.Pattern[str]
    action: int | str
    left: int | None
    headers: Mapping[str, str] = field(default_factory=dict)

    def meets(self, method: str, path: str) -> bool:
        return self.left != 0 and self.method in ("*", method) and bool(self.path.search(path))


class Edge:
    """`hang` is how long a "timeout" fault lasts, in seconds, at most until `stopping` is set.

    Clear `faults` to end all faults.
    """

    def __init__(
        self, app: WSGIApplication, now: Callable[[], float], latency: float, stopping: threading.Event
    ) -> None:
        self.latency, self.hang = latency, 30.0
        self.requests: list[Request] = []
        self._app, self._now, self._stopping = app, now, stopping
        self.faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Raises ValueError for an unknown action."""
        if isinstance(fault.action, str) and not _ACTION.fullmatch(fault.action):
            raise ValueError(
                f"{fault.action!r} is no fault: use a status, reset, timeout, slow:<s> or after:<status>"
            )
        with self._lock:
            self.faults.append(fault)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        fault = self._met(method, path)
        action = fault.action if fault else ""
        if self.latency:
            self._stopping.wait(self.latency)
        if isinstance(action, str) and action.startswith("slow:"):
            self._stopping.wait(float(action.removeprefix("slow:")))
        if isinstance(action, int):
            answer = _failure(action, fault.headers if fault else {})
        else:
            answer = Response.from_app(self._app, environ, buffered=True)
        with self._lock:
            self.requests.append(Request(method, path, answer.status_code, self._now()))
        if action == "reset":
            _cut(environ.get("werkzeug.socket"))
        if action == "timeout":
            self._stopping.wait(self.hang)
        if isinstance(action, str) and action.startswith("after:"):
            answer = _failure(int(action.removeprefix("after:")), fault.headers if fault else {})
        return answer(environ, start_response)

    def _met(self, method: str, path: str) -> Fault | None:
        with self._lock:
            fault = next((f for f in self.faults if f.meets(method, path)), None)
            if fault and fault.left is not None:
                fault.left -= 1
            return fault


def _failure(status: int, headers: Mapping[str, str]) -> Response:
    body: dict[str, Any] = {
        "status": "error",
        "message": _TEXTS.get(status, "The request failed"),
        "code": f"SIM_{status}",
    }
    return Response(json.dumps(body), status, headers, content_type="application/json")


def _cut(connection: socket.socket | None) -> None:
    if connection is not None:
        # Without the shutdown the server would wait on the open connection for the next request.
        with suppress(OSError):  # the client may be gone already
            connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("a requested fault")
