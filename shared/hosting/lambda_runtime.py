"""The runtime of a Lambda function, made at the first event and kept as long as the process lives.

The configuration is read again every five minutes. A changed configuration is used from then on, with the
same AWS clients and secrets. If the new configuration cannot be used, the old one stays in use.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

# Imported here so that the first invocation need not: it uses `files` to read the configuration, and
# `templates` if the configuration has templates.
import shared.aws.dynamodb
import shared.aws.files
import shared.config.templates  # noqa: F401
from shared.aws.clients import Clients
from shared.aws.regions import known_regions
from shared.aws.secrets import AwsSecrets
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.hosting.runtime import Runtime

log = logging.getLogger(__name__)
T = TypeVar("T")

RELOAD_AFTER = 300.0  # seconds


def prepare(clients: Clients, environ: Mapping[str, str]) -> None:
    """Make the AWS clients that the first invocation needs. Raises AwsError."""
    config = "ssm" if environ.get("HUNTBRIDGE_CONFIG", "").startswith("ssm:") else "s3"
    clients.prepare("sqs", "dynamodb", config, "secretsmanager", "ec2")
    known_regions()


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
            config = load(None, self._environ)
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
