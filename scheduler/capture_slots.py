"""Limits the capture requests of one process that wait for the platform's answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class NoSlot(Exception):
    """No request may be sent now. `after`: seconds after which to try again."""

    def __init__(self, after: float, reason: str) -> None:
        super().__init__(reason)
        self.after = after


class CaptureSlots:
    """Safe to use from several threads."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`most`: how many requests may wait for their answers at once."""
        self._slots, self._clock = threading.BoundedSemaphore(most), clock
        self._paused_until = 0.0

    @contextmanager
    def slot(self, within: float) -> Iterator[None]:
        """Hold a slot in the block. Raises NoSlot if none is free `within` so many seconds, or if the
        platform asked for a pause."""
        self._check_pause()
        if not self._slots.acquire(timeout=within):
            raise NoSlot(1.0, "platform.max_requests requests wait for their answers")
        try:
            self._check_pause()
            yield
        finally:
            self._slots.release()

    def pause(self, seconds: float) -> None:
        """Send no request for so long: the platform answered that it is busy."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _check_pause(self) -> None:
        left = self._paused_until - self._clock()
        if left > 0:
            raise NoSlot(left, "the platform is busy, and all requests wait a moment")
