"""Makes what a command needs: the configuration, the runtime, the receiver's handlers, one destination."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cli.data import has_database
from cli.exit_codes import DataUnusable, Misused
from shared.aws.names import TABLE
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.hosting.runtime import Runtime
from shared.queues.waiting import Waiting

if TYPE_CHECKING:
    from receiver.assemble import Handlers
    from receiver.destinations.reloading import ReloadingDestination


def capture_threads(config: Config) -> int:
    """How many threads request captures. A third more than may wait for the platform, since the others read
    and write the ledger meanwhile."""
    return config.platform.max_requests * 4 // 3 + 1


def load_config(path: str | None) -> Config:
    """Raises Misused with every mistake in the configuration."""
    try:
        return load(path, os.environ)
    except ConfigError as error:
        mistakes = "a mistake" if len(error.problems) == 1 else f"{len(error.problems)} mistakes"
        raise Misused(f"the configuration has {mistakes}:\n{error}") from None


def on_aws() -> bool:
    """Whether the command works on the stack on AWS: the environment names its table."""
    return bool(os.environ.get(TABLE))


def local_runtime(config: Config, data: Path) -> Runtime:
    """The runtime of this machine, for a command that writes. Makes the data directory if it is missing."""
    return runtime.local(config, data, os.environ)


def reading_runtime(config: Config, data: Path) -> Runtime:
    """The runtime for a command that only reads: the stack on AWS, or else this machine. A missing data
    directory is not made; the runtime is then empty."""
    if on_aws():
        return runtime.aws(config, os.environ)
    return runtime.reading(config, data if has_database(data) else None, os.environ)


def runtime_of(config: Config, data: Path, *, write: bool = False) -> Runtime:
    """The runtime for a command about stored data: the stack on AWS, or else this machine. Raises
    DataUnusable if this machine has no stored data."""
    if on_aws():
        return runtime.aws(config, os.environ)
    if not has_database(data):
        raise nothing_there(data)
    return local_runtime(config, data) if write else reading_runtime(config, data)


def nothing_there(data: Path) -> DataUnusable:
    what = "is empty" if data.is_dir() else "does not exist"
    return DataUnusable(
        f"the data directory {data.absolute()} {what}: huntbridge was never run with it; "
        "name another one with --data or HUNTBRIDGE_DATA"
    )


def destination(runtime: Runtime, name: str) -> ReloadingDestination:
    """Raises SecretError if its secrets cannot be read, and Misused if the URL in a secret cannot work."""
    from receiver import assemble  # few commands send messages, and the receiver takes a while to import

    made = assemble.destination(runtime, name)
    try:
        made.prepare()
    except ValueError as error:
        raise Misused(f"destinations.{name}: {error}") from None
    return made


def receiver(runtime: Runtime, waiting: Waiting | None = None) -> Handlers:
    """The handlers of events and deliveries. `waiting`: how they wait for peers; None if each has a thread
    for itself. Raises SecretError if the platform's key or a destination's secret cannot be read, so that the
    command fails at its start and not at the first alarm."""
    from receiver import assemble

    runtime.secret(runtime.config.platform.api_key)
    for name in runtime.config.destinations:
        destination(runtime, name)
    return assemble.work(runtime, waiting)
