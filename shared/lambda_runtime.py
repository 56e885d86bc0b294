"""The runtime of a Lambda function, made with its first event and kept while the environment lives.

The configuration and the platform's key are looked at again every five minutes; a new one counts from then
on, and clients of AWS outlive it. A configuration that has become unusable does not take the place of one
that works.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

# What the code below would else import in the first invocation: `files` where the configuration is read,
# `templates` where it has any.
import shared.aws.dynamodb
import shared.aws.files
import shared.aws.secrets
import shared.templates  # noqa: F401
from shared import config as configuration
from shared import runtime
from shared.aws.clients import Clients
from shared.aws.regions import known_regions
from shared.config import Config, ConfigError
from shared.runtime import Runtime
from shared.secrets import SecretError

log = logging.getLogger(__name__)
T = TypeVar("T")

KEEP = 300.0  # seconds


def prepare(clients: Clients, environ: Mapping[str, str]) -> None:
    """Make the clients that the first invocation needs. Raises AwsError."""
    config = "ssm" if environ.get("HUNTBRIDGE_CONFIG", "").startswith("ssm:") else "s3"
    clients.prepare("sqs", "dynamodb", config, "secretsmanager", "ec2")
    known_regions()


@dataclass(frozen=True)
class _Seen:
    """What would have the runtime made again, if it were different."""

    config: Config
    key: str

    def __repr__(self) -> str:
        return "<configuration and key>"


class Kept(Generic[T]):
    """What a room makes of a runtime. One thread at a time, as in Lambda."""

    def __init__(
        self,
        assemble: Callable[[Runtime], T],
        environ: Mapping[str, str],
        clients: Clients,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._assemble, self._environ, self._clients, self._now = assemble, environ, clients, now
        self._made: T | None = None
        self._seen: _Seen | None = None
        self._until = float("-inf")

    def get(self) -> T:
        """Raises ConfigError while there has never been a configuration that can be used."""
        if self._made is None or self._now() >= self._until:
            self._made = self._look()
            self._until = self._now() + KEEP
        return self._made

    def _look(self) -> T:
        try:
            made = runtime.aws(configuration.load(None, self._environ), self._environ, self._clients)
        except ConfigError as error:
            if self._made is None:
                raise
            log.error("the configuration cannot be used; the one before stays in use: %s", error)
            return self._made
        seen = _Seen(made.config, _key(made))
        if self._made is not None and seen == self._seen:
            return self._made
        self._seen = seen
        return self._assemble(made)


def _key(made: Runtime) -> str:
    """Empty where it cannot be had: whoever needs it says so."""
    try:
        return made.secret(made.config.platform.api_key).reveal()
    except SecretError:
        return ""
