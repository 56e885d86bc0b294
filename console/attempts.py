"""Limits failed attempts to sign in, by name and address."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

LOCKED_FOR = timedelta(minutes=15)
# Failed attempts within LOCKED_FOR: of one name from one address, of one address, and of one name. The last
# is larger, so that a stranger cannot lock a user out with a few requests.
PAIR, ADDRESS, NAME = 5, 20, 50
_MOST = 10_000  # remembered keys

_Key = tuple[str, str]


class Attempts:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._failed: OrderedDict[_Key, list[datetime]] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """The seconds until another attempt is allowed; 0: now."""
        now = self._now()
        with self._lock:
            return max(self._wait(key, most, now) for key, most in _keys(name, address))

    def failed(self, name: str, address: str) -> None:
        now = self._now()
        with self._lock:
            for key, _ in _keys(name, address):
                self._failed[key] = [*self._recent(key, now), now][-NAME:]
                self._failed.move_to_end(key)
            while len(self._failed) > _MOST:
                self._failed.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        with self._lock:
            self._failed.pop((name, address), None)

    def _recent(self, key: _Key, now: datetime) -> list[datetime]:
        return [at for at in self._failed.get(key, ()) if now - at < LOCKED_FOR]

    def _wait(self, key: _Key, most: int, now: datetime) -> float:
        recent = self._recent(key, now)
        if len(recent) < most:
            return 0.0
        return (recent[-most] + LOCKED_FOR - now).total_seconds()


def _keys(name: str, address: str) -> tuple[tuple[_Key, int], ...]:
    name = name[:80]
    pairs: tuple[tuple[_Key, int], ...] = (((name, address), PAIR), (("", address), ADDRESS))
    return (*pairs, ((name, ""), NAME)) if name else pairs[1:]
