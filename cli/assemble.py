"""From the command line's settings to a runtime with its rooms: what every command starts with."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cli.data import data_directory, has_database
from receiver import assemble
from receiver.assemble import Handlers
from receiver.destinations.reloading import ReloadingDestination
from shared.aws.stack import TABLE
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.hosting import log, runtime
from shared.hosting.configuration import load
from shared.hosting.runtime import Runtime
from shared.platform.errors import CadoError
from shared.queues.ports import QueueError
from shared.secrets import SecretError
from shared.storage.ports import StoreError

# A platform takes about 200 ms for a capture request: a thousand systems are asked for in under ten seconds.
CAPTURE_THREADS = 32


class Failed(click.ClickException):
    """Ends the command with a sentence on stderr. A script can tell by the exit code what kind it was."""

    exit_code = 1  # something that was asked for did not work


class Misused(Failed):
    exit_code = 2  # the command or the configuration is wrong; click's own code for usage errors


class PlatformFailed(Failed):
    exit_code = 3  # the platform refused or did not answer


class DataUnusable(Failed):
    exit_code = 4  # the data directory


def settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every command has. They may also be given in the environment."""

    @click.option(
        "--config",
        "config_path",
        metavar="FILE",
        envvar="HUNTBRIDGE_CONFIG",
        help="The configuration [default: huntbridge.yaml if it is there, else the environment alone].",
    )
    @click.option(
        "--data",
        metavar="DIR",
        envvar="HUNTBRIDGE_DATA",
        type=click.Path(readable=False, path_type=Path),
        help="Where the ledger and the queues are [default: .huntbridge beside the configuration].",
    )
    @click.option("-v", "--verbose", is_flag=True, help="Tell more on stderr.")
    @functools.wraps(command)
    def with_settings(*args: Any, verbose: bool, data: Path | None, **kwargs: Any) -> Any:
        log.setup("INFO" if verbose else "WARNING", json=False)
        with exit_codes():
            return command(*args, data=data_directory(data, kwargs["config_path"]), **kwargs)

    return with_settings


@contextmanager
def exit_codes() -> Iterator[None]:
    """An error that no command has caught ends it with a sentence and the exit code of its kind."""
    try:
        yield
    except (ConfigError, SecretError) as error:
        raise Misused(str(error)) from None
    except CadoError as error:
        raise PlatformFailed(str(error)) from None
    except (StoreError, QueueError) as error:
        raise DataUnusable(str(error)) from None


def load_config(path: str | None) -> Config:
    try:
        return load(path, os.environ)
    except ConfigError as error:
        raise Misused(f"the configuration has {_count(len(error.problems))}\n{error}") from None


def _count(problems: int) -> str:
    return "a mistake:" if problems == 1 else f"{problems} mistakes:"


def on_aws() -> bool:
    return bool(os.environ.get(TABLE))


def local_runtime(config: Config, data: Path) -> Runtime:
    """This machine, for work that is written down in the data directory, which is made where needed."""
    return runtime.local(config, data, os.environ)


def reading_runtime(config: Config, data: Path) -> Runtime:
    """The stack on AWS where the environment names its table, else this machine, for a command that writes
    nothing down. Where there is no data directory yet, none is made, and nothing is known."""
    if on_aws():
        return runtime.aws(config, os.environ)
    return runtime.reading(config, data if has_database(data) else None, os.environ)


def runtime_of(config: Config, data: Path, *, write: bool = False) -> Runtime:
    """The stack on AWS where the environment names its table, else what was written down on this machine."""
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
    """Raises SecretError; Failed where the URL in the secret cannot be right."""
    found = assemble.destination(runtime, name)
    try:
        found.prepare()
    except ValueError as error:
        raise Misused(f"destinations.{name}: {error}") from None
    return found


def receiver(runtime: Runtime) -> Handlers:
    """Raises SecretError where a destination's secret or the platform's key cannot be had: better now than
    with the first alarm."""
    runtime.secret(runtime.config.platform.api_key)
    for name in runtime.config.destinations:
        destination(runtime, name)
    return assemble.work(runtime)
