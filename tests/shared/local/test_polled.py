"""The loop's connections with real sockets, of which some fail."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from shared.local.polled import Polled


class Entry:
    accepting = connected = False

    def __init__(self, errors: int = 0) -> None:
        self.errors = errors
        self.end, self.peer = socket.socketpair()
        self.received = b""

    def readable(self) -> bool:
        if self.errors:
            self.errors -= 1
            raise RuntimeError("a fault of ours")
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        self.received += self.end.recv(100)


@pytest.fixture
def entries() -> Iterator[list[Entry]]:
    made = [Entry(), Entry(errors=1), Entry()]
    yield made
    for entry in made:
        entry.end.close()
        entry.peer.close()


def test_an_entry_that_fails_once_keeps_neither_itself_nor_others_from_being_read(entries):
    polled = Polled()
    for entry in entries:
        polled[entry.end.fileno()] = entry
        entry.peer.sendall(b"x")
    with pytest.raises(RuntimeError, match="a fault of ours"):
        polled.turn(0)
    polled.turn(5)
    assert [entry.received for entry in entries] == [b"x", b"x", b"x"]
    polled.turn(0)


def test_an_entry_that_changes_while_another_is_asked_is_asked_before_the_wait(entries):
    polled = Polled()
    for entry in entries:
        entry.errors = 0
        polled[entry.end.fileno()] = entry
    polled.turn(0)
    first, second, _ = entries
    asked = []

    def changes_second() -> bool:
        polled.changed(second.end.fileno())
        return True

    first.readable = changes_second
    second.readable = lambda: asked.append(second) or True  # type: ignore[func-returns-value]
    polled.changed(first.end.fileno())
    polled.turn(0)
    assert asked == [second]
