"""What the simulated Slack, Teams and Jira share: they keep messages, refuse requests, and fail on demand.

A simulation refuses what the real tool refuses. It keeps the answer of each refusal, and a reason that the
real tool does not reveal, so that a failing test explains itself. It never sends anything.
"""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Flask, Response, g, request


@dataclass(frozen=True)
class Accepted:
    """One request that the tool accepted. `key` is the issue in Jira, and empty elsewhere."""

    sequence: int
    at: datetime
    body: Any
    key: str = ""


@dataclass(frozen=True)
class Refused:
    """One request that the tool refused: its answer, and the reason in words."""

    at: datetime
    status: int
    answer: str
    why: str


class Refusal(Exception):
    """Ends a request with this answer. `body` is sent as JSON unless it is text."""

    def __init__(
        self, status: int, body: Any = "", *, why: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.status, self.headers = status, dict(headers or {})
        self.text = body if isinstance(body, str) else json.dumps(body)
        self.kind = "text/html" if isinstance(body, str) else "application/json"
        super().__init__(why or self.text)


@dataclass(frozen=True)
class _Fault:
    status: int
    headers: Mapping[str, str]
    body: str
    times: int
    after: bool
    on: str
    seconds: float = 0


class Rate:
    """A rate limit: at most `count` requests in any `seconds`, for each key. Refusals do not count."""

    def __init__(self, count: int, seconds: float, now: Callable[[], float]) -> None:
        self.count, self.seconds = count, seconds
        self._now, self._taken = now, dict[str, deque[float]]()

    def wait(self, key: str = "") -> float:
        """Seconds until the next request is allowed; 0 if it is allowed now."""
        now, taken = self._now(), self._taken.setdefault(key, deque())
        while taken and taken[0] <= now - self.seconds:
            taken.popleft()
        return taken[0] + self.seconds - now if len(taken) >= self.count else 0

    def take(self, key: str = "") -> None:
        self._taken.setdefault(key, deque()).append(self._now())


class Simulation:
    """One tool. `app` serves it alone; `app_of` serves several behind one server. Thread-safe.

    `now` gives seconds since 1970. `sleep` waits while a request hangs. `outage` breaks the tool until it is
    empty again: `unavailable` answers every request with 503, `cut` closes its connection without an answer.
    """

    name = ""

    def __init__(
        self, *, now: Callable[[], float] = time.time, sleep: Callable[[float], object] | None = None
    ) -> None:
        self.messages: list[Accepted] = []
        self.refused: list[Refused] = []
        self.now, self.lock = now, threading.RLock()
        self._released = threading.Event()
        self._sleep = sleep or self._released.wait
        self._faults: list[_Fault] = []
        self.outage = ""
        self.blueprint = Blueprint(self.name, __name__)
        self.blueprint.before_request(self._fault_before)
        self.blueprint.after_request(self._fault_after)
        self.blueprint.register_error_handler(Refusal, self._refuse)

    @property
    def app(self) -> Flask:
        return app_of(self)

    def shown(self) -> list[dict[str, Any]]:
        """The messages for the demo's page, oldest first."""
        with self.lock:
            return [{"at": m.at.isoformat(), "body": m.body} for m in self.messages]

    def fail(
        self,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: str = "",
        times: int = 1,
        *,
        after: bool = False,
        on: str = "",
    ) -> None:
        """Answer the next `times` requests with this, and do not carry them out. With `after` they are
        carried out first. `on` chooses the requests by the start of `METHOD /path`."""
        with self.lock:
            self._faults.append(_Fault(status, dict(headers or {}), body, times, after, on))

    def hang(
        self,
        seconds: float,
        times: int = 1,
        *,
        after: bool = False,
        on: str = "",
        status: int = 504,
        body: str = "",
    ) -> None:
        """Hold back the next `times` answers, then answer this. `after` and `on` as for `fail`."""
        with self.lock:
            self._faults.append(_Fault(status, {}, body, times, after, on, seconds))

    def release(self) -> None:
        """End every hang, present and future."""
        self._released.set()

    def heal(self) -> None:
        """Remove all faults."""
        with self.lock:
            self._faults.clear()

    def _next_fault(self) -> _Fault | None:
        line = f"{request.method} {request.path}"
        with self.lock:
            for index, fault in enumerate(self._faults):
                if line.startswith(fault.on):
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    self._faults[index : index + 1] = left
                    return fault
        return None

    def _fault_before(self) -> Response | None:
        if self.outage:
            return self._unreachable(self.outage)
        fault = self._next_fault()
        g.fault = fault if fault and fault.after else None
        return self._faulty(fault) if fault and not fault.after else None

    def _unreachable(self, outage: str) -> Response:
        why = "the connection was cut" if outage == "cut" else "the tool was switched off"
        answer = "" if outage == "cut" else "Service Unavailable"
        with self.lock:
            self.refused.append(Refused(self.current_time(), 503, answer, why))
        if outage == "cut" and (connection := request.environ.get("werkzeug.socket")):
            with suppress(OSError):  # the client has closed it already
                connection.shutdown(socket.SHUT_RDWR)
        return Response(answer, 503, mimetype="text/plain")

    def _fault_after(self, response: Response) -> Response:
        return self._faulty(g.fault) if g.get("fault") else response

    def _faulty(self, fault: _Fault) -> Response:
        if fault.seconds:
            self._sleep(fault.seconds)
        return Response(fault.body, fault.status, fault.headers)

    def accept(self, body: Any, key: str = "") -> Accepted:
        accepted = Accepted(len(self.messages) + 1, self.current_time(), body, key)
        self.messages.append(accepted)
        return accepted

    def _refuse(self, refusal: Refusal) -> Response:
        with self.lock:
            self.refused.append(Refused(self.current_time(), refusal.status, refusal.text, str(refusal)))
        return Response(refusal.text, refusal.status, refusal.headers, mimetype=refusal.kind)

    def current_time(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)


def app_of(*simulations: Simulation) -> Flask:
    """One application that serves all of these."""
    app = Flask(__name__, static_folder=None)
    for simulation in simulations:
        app.register_blueprint(simulation.blueprint)
    return app


def parse(raw: bytes) -> Any:
    """The JSON in `raw`. Raises ValueError if it is not JSON or nested too deep."""
    try:
        return json.loads(raw)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def whole_seconds(wait: float) -> str:
    """The value of a `Retry-After` header, rounded up."""
    return str(max(1, math.ceil(wait)))
