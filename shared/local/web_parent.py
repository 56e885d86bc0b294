"""`serve`, as its web process sees it: the other end of the pair, in the loop that reads the connections."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from waitress import wasyncore

from shared.local import web_messages
from shared.local.web_counts import WebCounts

_COUNTS_EVERY = 0.05  # seconds between two messages with counts, at least
_ALIVE_EVERY = 1.0  # seconds between two signs of life


class Parent(wasyncore.dispatcher):  # type: ignore[misc]
    def __init__(
        self, pair: socket.socket, counts: WebCounts, given: Callable[[bytes], None] = lambda _: None
    ) -> None:
        """`given` is called with what `serve` tells anew."""
        self.full = ""  # why every webhook is refused at the moment
        self.stopped = False
        self._counts, self._given = counts, given
        self._counted_at = self._alive_at = 0.0
        super().__init__(pair, map={})  # the loop has a map of its own

    def join(self, map: dict[int, Any]) -> None:
        """Read the messages in the loop with this map."""
        self.add_channel(map)

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        try:
            message = self.socket.recv(web_messages.MOST_BYTES)
        except OSError:
            message = b""
        kind, content = message[:1], message[1:]
        if not message:
            self.handle_close()
        if kind == web_messages.FULL:
            self.full = content.decode()
        elif kind == web_messages.GIVEN:
            self._given(content)
        elif kind == web_messages.STOP:
            self.stopped = True

    def handle_close(self) -> None:
        """`serve` has ended. What was answered with 202 is on the disk, and nothing may keep the port."""
        os._exit(1)

    def stored(self) -> None:
        self._tell(web_messages.STORED)  # if that fails, there are enough messages that wait to be read

    def give_away(self, connection: socket.socket, received: bytes, since: float) -> bool:
        """Pass a connection on. False if `serve` reads nothing at the moment."""
        self.tell_counts()  # before, since the connection may ask for them
        try:
            message = web_messages.connection(received, since)
            socket.send_fds(self.socket, [message], [connection.fileno()])
        except OSError:
            return False
        return True

    def tell_counts(self) -> None:
        if self._counts and self._tell(web_messages.COUNTS + self._counts.encode()):
            self._counts.clear()
        self._counted_at = time.monotonic()

    def after_turn(self) -> None:
        """To be called after each turn of the loop."""
        now = time.monotonic()
        if now - self._counted_at > _COUNTS_EVERY:
            self.tell_counts()
        if now - self._alive_at > _ALIVE_EVERY:
            self._alive_at = now
            self._tell(web_messages.ALIVE)

    def _tell(self, message: bytes) -> bool:
        try:
            self.socket.send(message)
        except OSError:
            return False
        return True
