"""Daemon threads that are started when they are needed, and reused.

Unlike those of concurrent.futures, a thread that hangs does not keep the process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class DaemonThreads:
    def __init__(self, name: str, limit: int) -> None:
        self._name, self._limit = name, limit
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._busy = self._threads = 0

    def start(self, call: Callable[[], None]) -> bool:
        """Run `call`, which must not raise, in a thread. False if all threads are busy, or none can be
        started."""
        with self._lock:
            if self._busy >= self._limit:
                return False
            self._busy += 1
            if self._busy > self._threads:
                try:
                    threading.Thread(target=self._work, name=self._name, daemon=True).start()
                except RuntimeError:  # no more threads can be started
                    self._busy -= 1
                    return False
                self._threads += 1
        self._calls.put(call)
        return True

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            call()
            del call  # an idle thread must not keep the last alarm in memory
            with self._lock:
                self._busy -= 1
