"""One action for each of many things, so that one that fails costs no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from shared.http.deadlines import DeadlineExceeded, remaining
from shared.models.inventory import InstanceError
from shared.platform.errors import CadoError
from shared.secrets import SecretError
from shared.storage.ports import NotNow

log = logging.getLogger(__name__)
T = TypeVar("T")


class SomeFailed(Exception):
    """The first error, and how many failed. The others succeeded."""


# Their texts are written for a person.
EXPECTED = (CadoError, InstanceError, NotNow, SecretError, SomeFailed)


def each(things: Iterable[T], act: Callable[[T], object], named: Callable[[T], str]) -> None:
    """Raises SomeFailed after the last one, and DeadlineExceeded as soon as no time is left."""
    first, failed, total = "", 0, 0
    for thing in things:
        remaining(1)
        total += 1
        try:
            act(thing)
        except DeadlineExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - told below, when the others are done
            failed += 1
            failure = f"{named(thing)}: {told(error)}"
            log.warning("%s", failure)
            first = first or failure
    if failed:
        others = f" ({failed} of {total} failed)" if failed > 1 else ""
        raise SomeFailed(f"{first}{others}")


def told(error: Exception) -> str:
    """The error in words. An unforeseen one is logged with its traceback and named by its type."""
    if isinstance(error, EXPECTED):
        return str(error)
    log.error("failed unexpectedly", exc_info=error)
    return f"unexpected {type(error).__name__}"
