"""The connections of a loop of wasyncore, of which only those that changed cost anything.

`wasyncore.loop` asks every connection before each wait what it waits for, so hundreds of idle connections
cost a millisecond. Here a connection is asked again only after something happened at it.
"""

from __future__ import annotations

import select
from typing import Any

from waitress import wasyncore

_READ, _WRITE = select.EPOLLIN | select.EPOLLPRI, select.EPOLLOUT


class Polled(dict[int, Any]):
    """By descriptor, what reads and writes there: the `map` of wasyncore's dispatchers. For one thread."""

    def __init__(self) -> None:
        super().__init__()
        self._epoll = select.epoll()
        self._waits: dict[int, int] = {}  # what epoll was told, by descriptor
        self._changed: set[int] = set()

    def __setitem__(self, descriptor: int, entry: Any) -> None:
        super().__setitem__(descriptor, entry)
        self._changed.add(descriptor)

    def __delitem__(self, descriptor: int) -> None:
        super().__delitem__(descriptor)
        self._changed.discard(descriptor)
        self._wait_for(descriptor, 0)

    def changed(self, *descriptors: int) -> None:
        """These may wait for something else now. Without any: all of them."""
        self._changed.update(descriptor for descriptor in descriptors or self if descriptor in self)

    def turn(self, timeout: float) -> None:
        """Wait until something happens, at most `timeout` seconds, and deal with it. If an entry fails, this
        raises its error, and the next turn asks that entry again and all that were not asked."""
        while self._changed:
            descriptor = next(iter(self._changed))
            entry = self[descriptor]  # asking an entry may change or remove others
            reads, writes = entry.readable(), entry.writable() and not entry.accepting
            self._wait_for(descriptor, (_READ if reads else 0) | (_WRITE if writes else 0))
            self._changed.discard(descriptor)
        for descriptor, flags in self._epoll.poll(timeout):
            if entry := self.get(descriptor):
                wasyncore.readwrite(entry, flags)
                self.changed(descriptor)

    def _wait_for(self, descriptor: int, flags: int) -> None:
        before = self._waits.get(descriptor, 0)
        if flags == before:
            return
        if not flags:
            self._epoll.unregister(descriptor)
            del self._waits[descriptor]
        elif before:
            self._epoll.modify(descriptor, flags)
            self._waits[descriptor] = flags
        else:
            self._epoll.register(descriptor, flags)
            self._waits[descriptor] = flags
