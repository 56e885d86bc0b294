"""Puts one side together: the configuration, the ledger, the queues, the clock and the peers.

The rooms get a `Runtime` and never ask which side they are on. Peers are made when they are first used,
so that a command pays only for what it touches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.hosting import log
from shared.http.client import Http
from shared.models.inventory import Fleet
from shared.platform.client import Cado
from shared.platform.transport import TRIES, Transport
from shared.platform.v2 import CadoV2
from shared.queues.dead_letter_notices import DeadLetterNotices, fallbacks
from shared.queues.heartbeats import Heartbeats, heartbeat_periods
from shared.queues.ports import CAPTURES, DELIVERIES, EVENTS, Queue
from shared.secrets import Secret, SecretRef, Secrets, SecretsInAws
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Store, StoreError

if TYPE_CHECKING:
    from shared.aws.clients import Clients
    from shared.local.database import Database

# The platform answers a capture request after it looked at the instance. No figure is public: give it time.
PLATFORM_READ_TIMEOUT = 30.0
DATABASE = "huntbridge.db"  # in the data directory


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Runtime:
    config: Config
    store: Store
    captures: Queue
    events: Queue
    deliveries: Queue
    secrets: Secrets
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    proxies: Mapping[str, str] = field(default_factory=dict)
    identity: Callable[[], str] = str  # who this process is to AWS, or why that is not known; empty elsewhere
    _making: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.now)

    @property
    def dead_letter_notices(self) -> DeadLetterNotices:
        queues = (self.captures, self.events, self.deliveries)
        return DeadLetterNotices(
            self.store, queues, self.events, self.deliveries, fallbacks(self.config), self.now
        )

    @property
    def heartbeats(self) -> Heartbeats:
        periods = heartbeat_periods(self.config)
        return Heartbeats(self.store, self.events, self.deliveries, periods, self.now)

    def secret(self, ref: SecretRef) -> Secret:
        """Raises SecretError. What was read here is kept out of every log from then on."""
        secret = self.secrets.get(ref)
        log.redact(secret)
        return secret

    def http(self, **manners: object) -> Http:
        """Raises ValueError where a bundle of CAs cannot be used."""
        return Http(proxies=self.proxies, **manners)  # type: ignore[arg-type]

    @property
    def cado(self) -> Cado:
        """The platform, for work that can wait. Raises SecretError where the API key cannot be read."""
        with self._making:
            patient = self._patient
        self.secret(self.config.platform.api_key)
        return patient

    @cached_property
    def _patient(self) -> Cado:
        return self.make_cado(tries=TRIES)

    @cached_property
    def admin_cado(self) -> Cado | None:
        """The platform by the key for webhooks; None where the configuration has no such key. Raises
        SecretError."""
        key = self.config.platform.admin_key
        return self._cado(key, tries=TRIES, admin=True) if key else None

    def make_fleet(self, **manners: Any) -> Fleet:
        """What there is in AWS. Nothing is asked yet, and what is found is not kept."""
        from shared.aws.fleet import AwsFleet

        return AwsFleet(self.config.account, self.secrets, **manners)

    def make_cado(self, *, tries: int) -> Cado:
        """Raises SecretError where the API key cannot be read."""
        return self._cado(self.config.platform.api_key, tries=tries)

    def _cado(self, key: SecretRef, *, tries: int, admin: bool = False) -> Cado:
        self.secret(key)
        platform = self.config.platform
        try:
            http = self.http(
                read_timeout=PLATFORM_READ_TIMEOUT,
                ca_bundle=platform.ca_bundle,
                fingerprint=platform.fingerprint,
                section="platform",
                pinnable=True,
            )
        except ValueError as error:
            raise ConfigError([str(error)]) from None
        transport = Transport(
            platform.url,
            lambda: self.secret(key),
            http,
            renew=lambda: self.secrets.refresh(key),
            sleep=self.sleep,
            tries=tries,
            admin=admin,
        )
        return CadoV2(transport, bucket=platform.bucket) if platform.api_version == "v2" else Cado(transport)


def local(config: Config, data: Path, environ: Mapping[str, str]) -> Runtime:
    """One machine: everything is in `data`/huntbridge.db. Raises StoreError."""
    from shared.local.database import Database

    try:
        # The queues hold what webhooks said about breached machines: nobody else's to read.
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the data directory {data} cannot be made: {error.strerror}") from error
    return _on_one_machine(config, Database(data / DATABASE), environ)


def reading(config: Config, data: Path | None, environ: Mapping[str, str]) -> Runtime:
    """The same for what only reads: nothing is made and nothing written there. Without `data`, nothing is
    known. Raises StoreError."""
    from shared.local.database import Database

    database = Database(data / DATABASE, read_only=True) if data else Database(None)
    return _on_one_machine(config, database, environ)


def _on_one_machine(config: Config, database: Database, environ: Mapping[str, str]) -> Runtime:
    from shared.local.queue import SqliteQueue
    from shared.local.store import SqliteStore

    return Runtime(
        config=config,
        store=SqliteStore(database),
        captures=SqliteQueue(database, CAPTURES),
        events=SqliteQueue(database, EVENTS),
        deliveries=SqliteQueue(database, DELIVERIES),
        secrets=local_secrets(environ),
        proxies=getproxies(),
    )


def local_secrets(environ: Mapping[str, str]) -> Secrets:
    """The secrets of this machine, and those in AWS that its credentials may read."""

    def connect() -> SecretsInAws:
        # Imported here: without a reference into AWS, the AWS libraries need not be loaded.
        from shared.aws.clients import Clients
        from shared.aws.secrets import AwsSecrets

        return AwsSecrets(Clients(environ))

    return Secrets(environ, connect)


def aws(
    config: Config,
    environ: Mapping[str, str],
    clients: Clients | None = None,
    secrets: SecretsInAws | None = None,
) -> Runtime:
    """AWS: the table and the queues that `environ` names. No client is made before it is used, and then one
    for all three queues. `secrets` may hold what was read before. Raises ConfigError where a variable is
    missing."""
    from shared.aws import stack
    from shared.aws.clients import Clients
    from shared.aws.dynamodb import DynamoStore
    from shared.aws.secrets import AwsSecrets

    if said := stack.missing(environ, stack.TABLE):
        raise ConfigError([said])
    clients = clients or Clients(environ)
    queues = stack.queues(clients, environ)
    return Runtime(
        config=config,
        store=DynamoStore(clients, environ[stack.TABLE]),
        captures=queues[CAPTURES],
        events=queues[EVENTS],
        deliveries=queues[DELIVERIES],
        secrets=Secrets(environ, lambda: secrets or AwsSecrets(clients)),
        proxies=getproxies(),
        identity=lambda: stack.identity(clients),
    )
