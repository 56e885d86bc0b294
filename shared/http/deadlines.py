"""Wall-clock budgets: how long a piece of work may take in all, however many calls it makes.

A worker or a timer job opens a budget with `within`. Every outgoing call asks `remaining` how much time is
left, and takes no longer. A thread inherits the budget only if it is started with
`contextvars.copy_context().run`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("deadline", default=None)  # by `time.monotonic`


class DeadlineExceeded(Exception):
    """The budget of this piece of work is used up. Nothing is sent any more."""


@contextmanager
def within(seconds: float, *, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Limit the code inside to `seconds` in all. An outer budget that ends earlier still counts."""
    ends_at = clock() + seconds
    outer = _ends_at.get()
    token = _ends_at.set(ends_at if outer is None else min(outer, ends_at))
    try:
        yield
    finally:
        _ends_at.reset(token)


@contextmanager
def afresh(seconds: float, *, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Give the code inside `seconds`, even if an outer budget is used up. For recording that the budget is
    used up."""
    token = _ends_at.set(clock() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def remaining(at_most: float, *, clock: Callable[[], float] = time.monotonic) -> float:
    """Seconds that a call may take: `at_most`, or the rest of the budget if that is less.

    Raises DeadlineExceeded if no time is left, before the call sends anything.
    """
    ends_at = _ends_at.get()
    if ends_at is None:
        return at_most
    left = ends_at - clock()
    if left <= 0:
        raise DeadlineExceeded
    return min(at_most, left)


def lasts(seconds: float, *, clock: Callable[[], float] = time.monotonic) -> bool:
    """Whether the budget lasts longer than a pause of this length."""
    ends_at = _ends_at.get()
    return ends_at is None or clock() + seconds < ends_at
