"""The runtime of a Lambda function, made at the first event and kept as long as the process lives.

The configuration is read again every five minutes. A changed configuration is used from then on, with the
same AWS clients and secrets. If the new configuration cannot be used, the old one stays in use.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from shared.aws.clients import Clients
from shared.aws.secrets import AwsSecrets
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.hosting.runtime import Runtime
from shared.http.deadlines import within

log = logging.getLogger(__name__)
T = TypeVar("T")

RELOAD_AFTER = 300.0  # seconds
_PREPARING = 5.0  # seconds for reading the configuration; Lambda allows 10 s before the first event


def prepare(clients: Clients, reloading: Reloading[Any]) -> None:
    """Do what the first invocation would wait for: make the AWS clients, read the configuration, and import
    and make what it needs. Raises AwsError, and ConfigError."""
    clients.prepare("sqs", "dynamodb", "secretsmanager", "ec2")
    with within(_PREPARING):
        reloading.get()


class Reloading(Generic[T]):
    """What `assemble` makes of the runtime, made again when the configuration has changed. For one thread at
    a time, as in Lambda."""

    def __init__(
        self,
        assemble: Callable[[Runtime], T],
        environ: Mapping[str, str],
        clients: Clients,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._assemble, self._environ, self._clients, self._now = assemble, environ, clients, now
        self._secrets = AwsSecrets(clients, now)
        self._made: T | None = None
        self._config: Config | None = None
        self._until = float("-inf")

    def get(self) -> T:
        """Raises ConfigError if no usable configuration was ever read."""
        if self._made is None or self._now() >= self._until:
            self._made = self._look()
            self._until = self._now() + RELOAD_AFTER
        return self._made

    def _look(self) -> T:
        try:
            config = load(None, self._environ, self._clients)
            if self._made is not None and config == self._config:
                return self._made
            made = runtime.aws(config, self._environ, self._clients, self._secrets)
        except ConfigError as error:
            if self._made is None:
                raise
            log.error("configuration not usable; the one before stays in use", extra={"reason": error})
            return self._made
        self._config = config
        return self._assemble(made)
