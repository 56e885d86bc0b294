"""Limits failed attempts to sign in, by name and address."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address

LOCKED_FOR = timedelta(minutes=15)
# Failed attempts within LOCKED_FOR: of one name from one address, of one address, and of one name. The last
# is larger, and does not apply where the user has signed in before, so that strangers cannot lock a user out.
PAIR, ADDRESS, NAME = 5, 20, 50
_MOST = 10_000  # remembered keys
_MOST_KNOWN = 1_000  # remembered pairs of a name and an address from which it signed in

_Key = tuple[str, str]


class Attempts:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._failed: OrderedDict[_Key, list[datetime]] = OrderedDict()
        self._known: OrderedDict[_Key, None] = OrderedDict()

    def wait(self, name: str, address: str) -> float:
        """The seconds until another attempt is allowed; 0: now."""
        now, keys = self._now(), _keys(name, address)
        with self._lock:
            if keys[0][0] in self._known:
                keys = keys[:2]
            return max(self._wait(key, most, now) for key, most in keys)

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
            pair = _keys(name, address)[0][0]
            self._failed.pop(pair, None)
            self._known[pair] = None
            self._known.move_to_end(pair)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def _recent(self, key: _Key, now: datetime) -> list[datetime]:
        return [at for at in self._failed.get(key, ()) if now - at < LOCKED_FOR]

    def _wait(self, key: _Key, most: int, now: datetime) -> float:
        recent = self._recent(key, now)
        if len(recent) < most:
            return 0.0
        return (recent[-most] + LOCKED_FOR - now).total_seconds()


def _keys(name: str, address: str) -> tuple[tuple[_Key, int], ...]:
    """What an attempt counts for, and how often: name and address, the address, and the name."""
    name, address = name[:80], _network(address)
    pairs: tuple[tuple[_Key, int], ...] = (((name, address), PAIR), (("", address), ADDRESS))
    return (*pairs, ((name, ""), NAME)) if name else pairs[1:]


def _network(address: str) -> str:
    """An IPv6 address stands for its network, since one machine has all addresses of it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), 64), strict=False))
