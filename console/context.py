"""What every screen of the console gets: the runtime, the queries, the configuration and the user."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from flask import g, request

from console.identity import User
from console.read_once import reading_once
from console.running_checks import CheckSource, NoChecks
from console.status import JOB_NAMES, CachedStatus, read_pulse, read_status
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models.people import Person
from shared.storage.queries.pulse import keys
from shared.storage.queries.queries import Queries


@dataclass(frozen=True)
class ConsoleContext:
    """Made once, when the console starts. `user` and `person` are those of the current request."""

    runtime: Runtime
    version: str
    readonly: str = ""  # why nobody can act here, as a sentence; empty if they can
    checks: CheckSource = field(default_factory=NoChecks)  # what the page about settings runs

    @property
    def config(self) -> Config:
        return self.runtime.config

    @property
    def reading(self) -> Runtime:
        """The runtime of the current request. If the request only reads, nothing is read twice, and the page
        and its frame share what is read."""
        if request.method not in ("GET", "HEAD") and "only_reads" not in g:
            return self.runtime
        if "reading" not in g:
            along = () if self.status.has_pulse() else keys(self.config.destinations, JOB_NAMES)
            g.reading = reading_once(self.runtime, along)
        reading: Runtime = g.reading
        return reading

    def only_reads(self) -> None:
        """Say that the current request changes nothing, although it came with a form."""
        g.only_reads = True

    @property
    def queries(self) -> Queries:
        return self.reading.queries

    @cached_property
    def status(self) -> CachedStatus:
        """How huntbridge is, at most a few seconds old. Call `forget` after each change."""
        return CachedStatus(
            lambda: read_status(self.queries, self.config),
            lambda: read_pulse(self.queries, self.config),
            self.now,
        )

    def now(self) -> datetime:
        return self.runtime.now()

    @property
    def user(self) -> User:
        """The user who sent the current request. Only the sign-in views have no user."""
        user: User = g.user
        return user

    @property
    def person(self) -> Person:
        """The user and where they act from, for decisions and the audit log."""
        address = request.remote_addr or "an unknown address"
        return Person(self.user.name, f"the console, from {address} by {self.user.how}")

    @property
    def by(self) -> str:
        return self.person.name

    @property
    def origin(self) -> str:
        return self.person.origin
