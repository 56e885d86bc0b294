"""Peers that answer slowly, in every way in which an answer can be slow: in pieces, and never to its end."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PAUSE = 0.02  # between two bytes
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
# What comes at once, and what then comes again and again.
DRIPS = {
    "nothing": (b"", b""),
    "status line": (b"HTTP/1.1 ", b"2"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"o"),
    "body without an end": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"o"),
    "body of an error": (b"HTTP/1.1 500 X\r\nContent-Length: 60000\r\n\r\n", b"o"),
    "chunk size": (CHUNKED, b"0"),
    "chunk": (CHUNKED + b"ffff\r\n", b"o"),
    "chunks": (CHUNKED, b"1\r\no\r\n"),
    "trailers": (CHUNKED + b"1\r\no\r\n0\r\n", b"X: y\r\n"),
    "redirect": (b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 60000\r\n\r\n", b"o"),
}


class Drip:
    """Sends the beginning of an answer at once, and then a piece of it again and again."""

    def __init__(self, begin: bytes, piece: bytes, context: ssl.SSLContext | None = None) -> None:
        self._begin, self._piece, self._context = begin, piece, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        with suppress(OSError), peer:
            secure = self._context.wrap_socket(peer, server_side=True) if self._context else peer
            secure.recv(65_536)
            secure.sendall(self._begin)
            while not self._over.wait(PAUSE):
                secure.sendall(self._piece)

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def dripping(begin: bytes, piece: bytes, context: ssl.SSLContext | None = None) -> Iterator[Drip]:
    peer = Drip(begin, piece, context)
    try:
        yield peer
    finally:
        peer.close()
