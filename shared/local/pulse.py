"""The signs of life of a thread."""

from __future__ import annotations

import threading
import time

# Seconds by which a sign of life may be late, since the machine may be busy or the database locked.
GRACE = 60.0


class Pulse:
    """The signs of life of one thread. With each, it says within how many seconds the next one comes."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.seen, self._within = time.monotonic(), GRACE
        self._failing: tuple[float, str] | None = None  # since when, and the type of the last error

    def beat(self, within: float) -> None:
        self.seen, self._within = time.monotonic(), within + GRACE

    def failed(self, error: BaseException) -> None:
        self._failing = (self._failing[0] if self._failing else time.monotonic()), type(error).__name__

    def succeeded(self) -> None:
        self._failing = None

    def problem(self) -> str:
        """What is wrong with the thread, for a person; empty if it is well."""
        if self.thread and self.thread.ident and not self.thread.is_alive():
            return "has ended"
        if (failing := self._failing) and time.monotonic() - failing[0] > self._within:
            return f"has failed for {time.monotonic() - failing[0]:.0f} s, the last time with {failing[1]}"
        late = time.monotonic() - self.seen
        return f"has given no sign of life for {late:.0f} s" if late > self._within else ""
