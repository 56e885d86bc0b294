"""Makes calls at the same time: many with one time limit for all of them, or one while the caller goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import TypeVar

from shared.http import deadlines
from shared.http.deadlines import DeadlineExceeded
from shared.models.inventory import InstanceError
from shared.platform.errors import CadoError
from shared.secrets import SecretError

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_AT_ONCE = 16


def ahead(call: Callable[[], V]) -> Callable[[], V]:
    """Make the call while the caller goes on. The function that is returned waits for its result, or raises
    what the call raised. The caller's deadline applies to the call."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    future = pool.submit(copy_context().run, call)
    pool.shutdown(wait=False)
    return future.result


class ParallelCalls:
    """A context manager. At its end, calls that have not begun are cancelled. It does not wait for calls that
    are still running."""

    def __init__(self, now: Callable[[], datetime], budget: float) -> None:
        """`budget`: seconds. If the caller's own deadline is earlier, that deadline applies."""
        self._now, self._until = now, now() + timedelta(seconds=deadlines.remaining(budget))
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="parallel")

    def __enter__(self) -> ParallelCalls:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def each(
        self, ask: Callable[[K], V], keys: Iterable[K], *, within: float | None = None
    ) -> tuple[dict[K, V], dict[K, str]]:
        """Call `ask` with each key. Returns the answers, and for each key without an answer the reason.
        `within`: a shorter limit for these calls, in seconds."""
        until = self._until
        if within is not None:
            until = min(until, self._now() + timedelta(seconds=within))

        def ask_in_time(key: K) -> V:
            # One second after the limit the call ends too, so that its thread does not hang.
            with deadlines.within((until - self._now()).total_seconds() + 1):
                return ask(key)

        futures = {key: self._pool.submit(copy_context().run, ask_in_time, key) for key in keys}
        answers, failures = {}, {}
        for key, future in futures.items():
            try:
                answers[key] = future.result(max(0.0, (until - self._now()).total_seconds()))
            except TimeoutError:
                future.cancel()
                failures[key] = "there was no answer in time"
            except (InstanceError, CadoError, SecretError) as error:
                failures[key] = str(error)
            except DeadlineExceeded:
                failures[key] = "there was no time left to ask"
            except Exception as error:  # one malformed answer must not make the whole plan fail
                log.exception("question failed unexpectedly", extra={"about": key})
                failures[key] = f"unexpected {type(error).__name__}"
        return answers, failures
