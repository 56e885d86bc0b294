"""What every screen of the console gets: the runtime, the queries, the configuration and the user."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import g, request

from console.identity import User
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.storage.queries.queries import Queries


@dataclass(frozen=True)
class ConsoleContext:
    """Made once, when the console starts. `user`, `by` and `origin` are those of the current request."""

    runtime: Runtime
    version: str
    readonly: str = ""  # why nobody can act here, as a sentence; empty if they can

    @property
    def config(self) -> Config:
        return self.runtime.config

    @property
    def queries(self) -> Queries:
        return self.runtime.queries

    def now(self) -> datetime:
        return self.runtime.now()

    @property
    def user(self) -> User:
        """Whoever sent the current request. Every view but those of signing in has a user."""
        user: User = g.user
        return user

    @property
    def by(self) -> str:
        """The user, as decisions and the audit log name them."""
        return self.user.name

    @property
    def origin(self) -> str:
        """Where the current request came from, for the audit log."""
        return f"the console, from {request.remote_addr or 'an unknown address'} by {self.user.how}"
