"""A console over a real store and real queues, with a clock that only the test moves.

def test_something(make_console):
    console = make_console(destinations={...})
    page = console.get("/cases")                      # as an administrator
    assert console.get("/cases", role="viewer").status_code == 200
    console.post("/cases/x/take", role="responder")   # with the headers of a browser
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.app import create_app
from console.assemble import sign_in
from console.context import ConsoleContext
from console.identity import Role, User
from console.sign_in import SignIn
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.secrets import Secrets

NOW = datetime(2026, 11, 29, 10, 42, 7, tzinfo=UTC)
PLATFORM = {"url": "https://cado.acme.example", "api_key": "env:KEY"}
BROWSER = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Console:
    """`moment` is the current time."""

    runtime: Runtime
    sign: SignIn
    app: Flask
    moment: datetime = NOW
    clients: dict[str, FlaskClient] = field(default_factory=dict)

    def client(self, role: str = "administrator", name: str = "Mara Lindqvist") -> FlaskClient:
        """A browser in which somebody with this role has signed in; an empty role: nobody has."""
        client = self.app.test_client()
        if role:
            cookie = self.sign.sessions.start(User(name, Role(role), "a password of the test"))
            client.set_cookie("huntbridge-80", cookie)
        return client

    def get(self, path: str, role: str = "administrator", **options: Any) -> TestResponse:
        return self._client(role).get(path, **options)

    def post(self, path: str, role: str = "administrator", **options: Any) -> TestResponse:
        return self._client(role).post(path, headers=options.pop("headers", BROWSER), **options)

    def _client(self, role: str) -> FlaskClient:
        return self.clients.setdefault(role, self.client(role))

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def make_console(tmp_path: Path) -> Iterator[Callable[..., Console]]:
    with ExitStack() as stack:

        def make(
            *,
            readonly: str = "",
            secrets: dict[str, str] | None = None,
            tls_proxies: frozenset[str] = frozenset(),
            **settings: Any,
        ) -> Console:
            config = Config.model_validate({"platform": PLATFORM, **settings})
            database = Database(tmp_path / "huntbridge.db")
            stack.callback(database.close)

            def now() -> datetime:
                return made.moment if made else NOW

            def seconds() -> float:
                return now().timestamp()

            runtime = Runtime(
                config=config,
                store=SqliteStore(database),
                captures=SqliteQueue(database, "captures", seconds),
                events=SqliteQueue(database, "events", seconds),
                deliveries=SqliteQueue(database, "deliveries", seconds),
                secrets=Secrets({"KEY": "key", **(secrets or {})}),
                now=now,
                sleep=lambda _: None,
            )
            made: Console | None = None
            sign = sign_in(runtime, tmp_path, operator="mara", tls_proxies=tls_proxies)
            app = create_app(ConsoleContext(runtime, "1.4.0", readonly), sign)
            made = Console(runtime, sign, app)
            return made

        yield make


@pytest.fixture
def console(make_console: Callable[..., Console]) -> Console:
    return make_console()
