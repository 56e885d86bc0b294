"""How a handler waits for a peer, such as the platform or a destination.

On AWS and in commands it simply waits. On one machine all handlers run in one thread, and while one of them
waits the others go on (shared/local/core.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Event(Protocol):
    """As `threading.Event`: something that happens once, in any thread."""

    def set(self) -> None: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Whether it has happened before `timeout` seconds are over."""
        ...


MakeEvent = Callable[[], Event]


class Waiting(Protocol):
    def outside(self, call: Callable[[], T]) -> T:
        """The result of a call to a peer, or what it raises. Everything that the handler wrote before is
        durable when the call begins."""
        ...

    def event(self) -> Event:
        """An event that this handler may wait for."""
        ...


class InThisThread:
    """The handler has its thread for itself."""

    def outside(self, call: Callable[[], T]) -> T:
        return call()

    def event(self) -> Event:
        return threading.Event()
