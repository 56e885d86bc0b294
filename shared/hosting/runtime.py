"""Puts together what a process needs: configuration, ledger, queues, clock, secrets and the platform.

Only this module knows whether the process runs on AWS or on one machine. The platform and other peers are
made when they are first used, so that a command needs only what it uses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.hosting.local_secrets import local_secrets
from shared.hosting.log_redaction import redact
from shared.http.client import Http
from shared.platform.client import Cado
from shared.platform.transport import TRIES, Transport
from shared.platform.v2 import CadoV2
from shared.queues.check_results import CheckResults
from shared.queues.dead_items import DeadItems
from shared.queues.dead_letter_notices import DeadLetterNotices, fallbacks
from shared.queues.heartbeats import Heartbeats, heartbeat_periods
from shared.queues.ports import CAPTURES, DELIVERIES, EVENTS, Queue
from shared.secrets import Secret, SecretError, SecretRef, Secrets, SecretsInAws
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Store, StoreError

if TYPE_CHECKING:
    from shared.aws.clients import Clients
    from shared.aws.dynamodb import DynamoStore
    from shared.local.database import Database
    from shared.models.inspection import Inspection
    from shared.models.inventory import OrganizationFleet
    from shared.models.leftovers import Marks
    from shared.storage.backups import Restored
    from shared.storage.queries.queries import Queries
    from shared.storage.sweep import Sweep

# Seconds. The platform answers a capture request only after it looked at the instance; no figure is public.
PLATFORM_READ_TIMEOUT = 30.0
DATABASE = "huntbridge.db"  # in the data directory


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Runtime:
    """One side, put together: the configuration, the store, the queues, the clock and the peers."""

    config: Config
    store: Store
    captures: Queue
    events: Queue
    deliveries: Queue
    secrets: Secrets
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    proxies: Mapping[str, str] = field(default_factory=dict)
    # On AWS only the function that faces the internet may read the webhook's tokens and signing secrets.
    reads_every_secret: bool = True
    # The functions on AWS have neither the files of rules and indicators nor yara-x.
    reads_files: bool = True
    restored: Restored | None = None  # the last restoration from a backup, on one machine
    sweep: Callable[[], Sweep] | None = None  # reads and erases everything, for two commands
    identity: Callable[[], str] = str  # the IAM identity, or why it is unknown; empty on one machine
    _making: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.now)

    @cached_property
    def queries(self) -> Queries:
        from shared.storage.queries.queries import Queries

        return Queries(self.store, self.now)

    @property
    def dead_letter_notices(self) -> DeadLetterNotices:
        queues = (self.captures, self.events, self.deliveries)
        return DeadLetterNotices(
            self.store, queues, self.events, self.deliveries, fallbacks(self.config), self.now
        )

    @property
    def dead_items(self) -> DeadItems:
        queues = (self.captures, self.events, self.deliveries)
        return DeadItems(queues, self.store, self.ledger.deliveries)

    @property
    def check_results(self) -> CheckResults:
        return CheckResults(self.ledger.notes, self.events, self.now)

    @property
    def heartbeats(self) -> Heartbeats:
        periods = heartbeat_periods(self.config)
        return Heartbeats(self.store, self.events, self.deliveries, periods, self.now)

    def secret(self, ref: SecretRef) -> Secret:
        """Raises SecretError. The secret is removed from all log lines from now on."""
        secret = self.secrets.get(ref)
        redact(secret)
        return secret

    def why_old(self, ref: SecretRef) -> str:
        """A sentence if the secret was not changed for longer than the configuration says; empty if it was,
        or if that cannot be known."""
        try:
            changed_at = self.secrets.changed_at(ref)
        except SecretError:
            return ""  # reported by the check of whatever needs the secret
        most = timedelta(seconds=self.config.daily_check.secret_age)
        if changed_at is None or self.now() - changed_at <= most:
            return ""
        return f"{ref} was last changed on {changed_at:%Y-%m-%d}, more than {most.days} days ago: rotate it"

    def http(self, **options: object) -> Http:
        """Raises ValueError if the CA bundle cannot be used."""
        return Http(proxies=self.proxies, **options)  # type: ignore[arg-type]

    @property
    def cado(self) -> Cado:
        """The platform, for work that can wait: calls are repeated. Raises SecretError if the API key cannot
        be read."""
        with self._making:
            platform = self._retrying_platform
        self.secret(self.config.platform.api_key)
        return platform

    @cached_property
    def _retrying_platform(self) -> Cado:
        return self.make_cado(tries=TRIES)

    @cached_property
    def admin_cado(self) -> Cado | None:
        """The platform with the key that may change webhooks; None if none is configured. Raises
        SecretError."""
        key = self.config.platform.admin_key
        return self._cado(key, tries=TRIES, admin=True) if key else None

    @cached_property
    def fleet(self) -> OrganizationFleet:
        """The instances in AWS. Its clients and the credentials of roles are kept; answers are not."""
        return self.make_fleet()

    def make_fleet(self, **options: Any) -> OrganizationFleet:
        """The instances in AWS. Nothing is called yet, and answers are not cached."""
        from shared.aws.fleet import AwsFleet

        return AwsFleet(self.config.account, self.secrets, **options)

    def make_inspection(self, **options: Any) -> Inspection:
        """What a preflight reads in AWS. Nothing is called yet, and answers are not cached."""
        from shared.aws.inspection import AwsInspection

        return AwsInspection(self.config.account, self.secrets, **options)

    def make_marks(self, **options: Any) -> Marks:
        """What carries the platform's marks in AWS. Nothing is called yet."""
        from shared.aws.leftovers import AwsMarks

        return AwsMarks(self.config.account, self.secrets, **options)

    def make_cado(self, *, tries: int) -> Cado:
        """The platform. Each call is tried at most `tries` times. Raises SecretError if the API key cannot be
        read."""
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
    """A process on one machine. Everything is stored in `data`/huntbridge.db. Raises StoreError."""
    from shared.local.database import Database

    try:
        # The queues hold what webhooks said about breached machines, which others must not read.
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the data directory {data} cannot be made: {error.strerror}") from error
    return _on_one_machine(config, Database(data / DATABASE), environ)


def reading(config: Config, data: Path | None, environ: Mapping[str, str]) -> Runtime:
    """A process on one machine that only reads: it creates and writes nothing. Without `data` the store is
    empty. Raises StoreError."""
    from shared.local.database import Database

    database = Database(data / DATABASE, read_only=True) if data else Database(None)
    return _on_one_machine(config, database, environ)


def with_config(runtime: Runtime, config: Config, environ: Mapping[str, str]) -> Runtime:
    """A runtime with the same database and queues as one that `local` made, for another configuration."""
    from shared.local.queue import SqliteQueue
    from shared.local.store import SqliteStore

    assert isinstance(runtime.events, SqliteQueue)
    store = SqliteStore(runtime.events.database, keep=config.keep.days)
    return replace(runtime, config=config, store=store, secrets=local_secrets(environ))


def _on_one_machine(config: Config, database: Database, environ: Mapping[str, str]) -> Runtime:
    from shared.local.queue import SqliteQueue
    from shared.local.store import SqliteStore
    from shared.storage.backups import last_restored

    store = SqliteStore(database, keep=config.keep.days)
    return Runtime(
        config=config,
        store=store,
        captures=SqliteQueue(database, CAPTURES),
        events=SqliteQueue(database, EVENTS),
        deliveries=SqliteQueue(database, DELIVERIES),
        secrets=local_secrets(environ),
        proxies=getproxies(),
        restored=last_restored(store),
        sweep=lambda: _local_sweep(database),
    )


def aws(
    config: Config,
    environ: Mapping[str, str],
    clients: Clients | None = None,
    secrets: SecretsInAws | None = None,
) -> Runtime:
    """A process on AWS, with the table and the queues that `environ` names. No client is made before it is
    used. `secrets` may hold secrets that were read before. Raises ConfigError if a variable is missing."""
    from shared.aws import stack
    from shared.aws.clients import Clients
    from shared.aws.dynamodb import DynamoStore
    from shared.aws.secrets import AwsSecrets

    if problem := stack.missing(environ, stack.TABLE):
        raise ConfigError([problem])
    clients = clients or Clients(environ)
    queues = stack.queues(clients, environ)
    store = DynamoStore(clients, environ[stack.TABLE], keep=config.keep.days)
    return Runtime(
        config=config,
        store=store,
        captures=queues[CAPTURES],
        events=queues[EVENTS],
        deliveries=queues[DELIVERIES],
        secrets=Secrets(environ, lambda: secrets or AwsSecrets(clients)),
        proxies=getproxies(),
        reads_every_secret=False,
        reads_files=False,
        sweep=lambda: _aws_sweep(store, clients, environ[stack.TABLE], queues),
        identity=lambda: stack.identity(clients),
    )


def _local_sweep(database: Database) -> Sweep:
    from shared.local.sweep import SqliteSweep

    return SqliteSweep(database)


def _aws_sweep(store: DynamoStore, clients: Clients, table: str, queues: Mapping[str, Queue]) -> Sweep:
    from shared.aws.dynamodb_table import Table
    from shared.aws.sweep import AwsSweep

    return AwsSweep(store, Table(clients, table), queues)
