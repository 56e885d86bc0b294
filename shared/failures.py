"""Does one thing for each of many, so that a failure for one of them does not stop the others."""

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
    """Some of many things failed, and the others succeeded. The text has the first error and the number of
    failures."""


# Errors that were foreseen. Their texts are written for people.
FORESEEN = (CadoError, InstanceError, NotNow, SecretError, SomeFailed)


def attempt_each(things: Iterable[T], act: Callable[[T], object], name: Callable[[T], str]) -> None:
    """Call `act` for each thing. `name` names a thing in the error and in the log.

    Raises SomeFailed at the end if `act` failed for any of them, and DeadlineExceeded as soon as no time is
    left.
    """
    first_failure, failed, total = "", 0, 0
    for thing in things:
        remaining(1)
        total += 1
        try:
            act(thing)
        except DeadlineExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - raised below, after the other things
            failed += 1
            reason = describe(error)
            log.warning("one of several failed", extra={"what": name(thing), "reason": reason})
            first_failure = first_failure or f"{name(thing)}: {reason}"
    if failed:
        others = f" ({failed} of {total} failed)" if failed > 1 else ""
        raise SomeFailed(f"{first_failure}{others}")


def describe(error: Exception) -> str:
    """The error as a text for people. An unforeseen error is named by its type, and logged with its
    traceback."""
    if isinstance(error, FORESEEN):
        return str(error)
    log.error("unforeseen error", exc_info=error)
    return f"unexpected {type(error).__name__}"
