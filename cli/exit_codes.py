"""The errors that end a command: each prints a sentence on stderr and sets the exit code of its kind.

Exit codes: 0 success, 1 something did not work, 2 the command or the configuration is wrong, 3 the platform
failed, 4 the data directory cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from shared.config.errors import ConfigError
from shared.platform.errors import CadoError
from shared.queues.ports import QueueError
from shared.secrets import SecretError
from shared.storage.ports import StoreError


class Failed(click.ClickException):
    """Something that the command was asked to do did not work."""

    exit_code = 1


class Misused(Failed):
    """The command or the configuration is wrong."""

    exit_code = 2  # click's own exit code for usage errors


class PlatformFailed(Failed):
    """The platform refused a call or did not answer."""

    exit_code = 3


class DataUnusable(Failed):
    """The data directory cannot be used."""

    exit_code = 4


@contextmanager
def exit_codes() -> Iterator[None]:
    """Ends the command with the exit code of an error that the command did not handle."""
    try:
        yield
    except (ConfigError, SecretError) as error:
        raise Misused(str(error)) from None
    except CadoError as error:
        raise PlatformFailed(str(error)) from None
    except (StoreError, QueueError) as error:
        raise DataUnusable(str(error)) from None
