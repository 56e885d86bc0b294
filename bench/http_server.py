"""A small HTTP server for the far ends of a measurement: the chat that takes messages, and the platform.

It answers on 127.0.0.1 in one thread, keeps connections open, and costs well below a tenth of a millisecond a
request, so that it is not what a measurement shows.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast


@dataclass(frozen=True)
class Request:
    method: str
    target: str  # path and query
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b"ok"
    kind: str = "text/plain"

    def packed(self) -> bytes:
        first = f"HTTP/1.1 {self.status} -\r\nContent-Type: {self.kind}\r\n"
        return f"{first}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


Answer = Callable[[Request], Response]


class _Connection(asyncio.Protocol):
    def __init__(self, answer: Answer, latency: float) -> None:
        self._answer, self._latency, self._buffer = answer, latency, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while request := _take(self._buffer):
            packed = self._answer(request).packed()
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._transport.write, packed)
            else:
                self._transport.write(packed)


def _take(buffer: bytearray) -> Request | None:
    """Remove the first request from the buffer; None if it is not complete."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if len(buffer) < end + 4 + length:
        return None
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    method, target, _ = first.split(" ", 2)
    return Request(method, target, headers, body)


def serve(answer: Answer, latency: float = 0.0) -> None:
    """Print the port, and answer until the standard input ends, as it does when the parent process ends.

    `latency`: seconds by which every answer is late.
    """
    asyncio.run(_serve(answer, latency))


async def _serve(answer: Answer, latency: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(answer, latency), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    await ended.read()
    server.close()
