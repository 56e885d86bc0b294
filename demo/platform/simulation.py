"""A simulated Cado platform for the demo and the tests: answers the API, runs pipelines, sends webhooks.

Its Flask app refuses what the real platform refuses. It copies no disk, reaches no cloud, and connects to
loopback addresses only. What is not public about the real platform is invented: the texts of refusals, and
most wordings of webhooks.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException

from demo.platform import v2
from demo.platform.calls import ROLES, Call, Refused, Route
from demo.platform.edge import Edge, Fault, Request
from demo.platform.hooks import Sent, Webhooks
from demo.platform.records import Machine, SimAlarm, User
from demo.platform.v3 import routes as v3_routes
from demo.platform.world import World

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_SENDERS = 4
_BEAT = 0.02  # seconds between two looks at the clock after `start()`


class Platform:
    """One simulated platform.

    `keys` maps an API key to its role. `version` decides what the API looks like; `v3=False` leaves only v2.
    `latency` (seconds) delays every answer. `pace` multiplies how long every step of a pipeline takes: at 1 a
    volume is captured and processed in about five seconds, at 0.1 in half a second. No more than `workers`
    pipelines run at once. `clock` gives Unix seconds. Raises ValueError for an unknown role.

    Nothing happens until `start()` lets the platform run with the clock, or `tick()` lets time pass.
    """

    def __init__(
        self,
        fleet: Sequence[Machine],
        keys: Mapping[str, str],
        *,
        version: str = "2.324.0",
        v3: bool = True,
        latency: float = 0.0,
        pace: float = 1.0,
        workers: int = 5,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if unknown := set(keys.values()) - set(ROLES):
            raise ValueError(f"no such role: {', '.join(sorted(unknown))}; there are: {', '.join(ROLES)}")
        rng = rng or random.Random()
        self.version = version
        self.world = World(fleet, workers=workers, pace=pace, rng=rng)
        self.webhooks = Webhooks(self.world.lock, self.now, rng)
        self.users = {key: User(number, role) for number, (key, role) in enumerate(keys.items(), 1)}
        self._clock, self._ahead = clock, 0.0
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sending = 0
        self.app = _app(self, v3)
        self.edge = self.app.edge = Edge(self.app.answer, self.now, latency, self._stopping)

    def now(self) -> float:
        """The platform's time in Unix seconds: the clock, plus the time that `tick` skipped."""
        return self._clock() + self._ahead

    @property
    def requests(self) -> list[Request]:
        """Every request so far, oldest first."""
        return list(self.edge.requests)

    @property
    def asked(self) -> Counter[str]:
        """The number of imports that were carried out, by the `instance_id` of the machine."""
        with self.world.lock:
            return Counter(self.world.asked)

    @property
    def sent(self) -> list[Sent]:
        """Every webhook that was sent, oldest first, including those that were lost on their way."""
        with self.world.lock:
            return list(self.webhooks.sent)

    @property
    def delivered(self) -> int:
        """The number of webhooks that were answered with 2xx."""
        return sum(sent.delivered for sent in self.sent)

    @property
    def drop_webhooks(self) -> float:
        """The share of webhooks that are lost on their way, 0 to 1."""
        return self.webhooks.drop

    @drop_webhooks.setter
    def drop_webhooks(self, share: float) -> None:
        self.webhooks.drop = share

    @property
    def named_pipelines(self) -> bool:
        """Whether the pipelines of other kinds than EC2 are called by their system's name. Whether the real
        platform does that is not public."""
        return self.world.named_pipelines

    @named_pipelines.setter
    def named_pipelines(self, named: bool) -> None:
        self.world.named_pipelines = named

    @property
    def hang(self) -> float:
        """For how many seconds a "timeout" fault holds back the answer."""
        return self.edge.hang

    @hang.setter
    def hang(self, seconds: float) -> None:
        self.edge.hang = seconds

    @property
    def busy(self) -> bool:
        """Whether a pipeline is running or a webhook is not sent yet."""
        with self.world.lock:
            return bool(self.world.next_due() is not None or self.world.occurrences or self._sending)

    def fault(
        self,
        method: str,
        path: str,
        action: int | str,
        times: int | None = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Make the next `times` matching requests fail (None: all of them).

        A request matches by its method (`*`: any) and by a regular expression that is searched in its path.
        `action` is one of:
        * a status such as 503: the platform answers it and does nothing
        * `after:<status>`: the platform does the work and answers this status
        * `reset`: the platform does the work and cuts the connection
        * `timeout`: the platform does the work and holds back its answer for `hang` seconds
        * `slow:<s>`: the platform begins the work s seconds late
        `headers`, such as Retry-After, go with a status. Raises ValueError for any other action.
        """
        self.edge.add(Fault(method, re.compile(path), action, times, headers or {}))

    def plant(self, instance_id: str, *alarms: SimAlarm) -> None:
        """Put alarms on a machine: captures that are asked for from now on find them, within the hunts that
        each alarm names. Raises LookupError if there is no such machine."""
        with self.world.lock:
            self.world.plant(instance_id, *alarms)

    def tick(self, seconds: float | None = None) -> bool:
        """Let `seconds` pass at once; None: the time until the next step of a pipeline ends.

        Webhooks are sent before this returns. Returns `busy`.
        """
        with self.world.lock:
            if seconds is None:
                due = self.world.next_due()
                seconds = 0.0 if due is None else max(0.0, due - self.now())
            self._ahead += seconds
            self.world.advance(self.now())
        self._send()
        return self.busy

    def settle(self) -> None:
        """Let time pass until no pipeline is running."""
        while self.tick():
            pass

    def start(self) -> None:
        """Run with the clock, in background threads, until `stop()`."""
        self._stopping.clear()
        jobs = [self._run, *[self._send_on] * _SENDERS]
        self._threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop the threads, and release every request that a fault holds back."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _run(self) -> None:
        while not self._stopping.wait(_BEAT):
            with self.world.lock:
                self.world.advance(self.now())

    def _send_on(self) -> None:
        while not self._stopping.wait(_BEAT):
            self._send()

    def _send(self) -> None:
        while True:
            with self.world.lock:
                if not self.world.occurrences:
                    return
                occurrence = self.world.occurrences.popleft()
                self._sending += 1
            try:
                self.webhooks.tell(occurrence)
            finally:
                with self.world.lock:
                    self._sending -= 1


class _App(Flask):
    """An app behind an Edge."""

    edge: Edge

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.edge(environ, start_response)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return super().wsgi_app(environ, start_response)


def _app(platform: Platform, with_v3: bool) -> _App:
    app = _App("demo.platform", static_folder=None)
    app.json = provider = DefaultJSONProvider(app)
    provider.sort_keys = False
    version = _version(platform.version)
    routes = [(v2.PREFIX, route) for route in v2.ROUTES]
    if with_v3:
        routes += [(v3_routes.PREFIX, route) for route in v3_routes.ROUTES]
    for prefix, route in routes:
        if version >= route.since:
            rule = re.sub(r"\{(\w+_id)\}", r"<int:\1>", prefix + route.rule)
            rule = re.sub(r"\{(\w+)\}", r"<\1>", rule)
            name = f"{route.method} {rule}"
            app.add_url_rule(rule, name, _view(platform, route), methods=[route.method])
    app.register_error_handler(Refused, lambda error: _refusal(error.status, error.text, with_v3))
    app.register_error_handler(HTTPException, lambda error: _refusal(error.code, error.description, with_v3))
    return app


def _view(platform: Platform, route: Route) -> Callable[..., tuple[Response, int]]:
    def view(**parts: Any) -> tuple[Response, int]:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        user = platform.users.get(key) if scheme == "Bearer" else None
        if user is None:
            raise Refused(401, "Invalid or missing token")
        if user.role not in route.roles:
            raise Refused(403, "You do not have permission to access this resource")
        call = Call(
            request, platform.world, platform.webhooks, _version(platform.version), platform.version, user,
            platform.now(),
        )  # fmt: skip
        with platform.world.lock if route.locked else nullcontext():
            answer = route.handler(call, **parts)
            return jsonify(answer.json()), answer.status

    return view


def _refusal(status: int | None, text: str | None, with_v3: bool) -> tuple[Response, int]:
    status = status or 500
    body: dict[str, Any] = {"msg": text}
    if with_v3 and request.path.startswith(v3_routes.PREFIX):
        body = {"status": "error", "message": text, "code": f"SIM_{status}"}
    return jsonify(body), status


def _version(text: str) -> tuple[int, int]:
    major, minor, *_ = text.split(".")
    return int(major), int(minor)
