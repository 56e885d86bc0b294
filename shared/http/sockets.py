"""Sockets whose blocking calls end in time, and whose answers have a limited length.

The timeout of an ordinary socket starts again with each byte that arrives, so a peer that sends byte by byte
can hold a call for days. Here each connect, handshake, send and read ends at the earliest of three limits:
the socket's timeout, the time for the whole answer, and the budget in `shared.http.deadlines`.
`BoundedConnection` gives these sockets to urllib3, and so to requests and to botocore.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import nullcontext
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import allowed_gai_family

from shared.http.deadlines import DeadlineExceeded, remaining, within

# Seconds that an open connection may wait for its next request. Common servers close idle connections after
# 5 s. A process that is frozen at that time, as on Lambda, does not notice. Its next request would be lost.
MAX_IDLE = 4.0
_SHORTEST_TRY = 1.0  # seconds for one of several addresses, at least
# Bytes of one answer on the wire, far more than any answer that is read whole. Without it, the line with the
# length of a chunk has no limit.
MAX_ANSWER = 64 * 1024 * 1024

if TYPE_CHECKING:
    from urllib3.connection import HTTPSConnection as _UrllibConnection

    class _Timed(socket.socket): ...
else:

    class _UrllibConnection: ...

    class _Timed: ...


class _Bounded(_Timed):
    """What the two kinds of socket below have in common."""

    _limit: float | None = None
    ends_at = inf  # by `time.monotonic`: when the current answer must be complete
    received = 0  # bytes of the current answer
    _used = (0.0, 0.0)

    def settimeout(self, value: float | None) -> None:
        self._limit = value
        super().settimeout(value)

    def idle_for(self) -> float:
        """Seconds since the last use: the larger value of two clocks. The steady clock may stop while the
        process is frozen, and the wall clock may be set back."""
        wall, steady = self._used
        return max(abs(time.time() - wall), time.monotonic() - steady)

    def _grant(self) -> None:
        """Set the timeout of the next call to the time that is left. Raises TimeoutError if none is."""
        steady = time.monotonic()
        super().settimeout(time_left(self._limit, self.ends_at - steady))
        self._used = (time.time(), steady)

    def _count(self, received: int) -> None:
        self.received += received
        if self.received > MAX_ANSWER:
            raise ConnectionError("the answer is too long")


class Socket(_Bounded, socket.socket):
    def connect(self, address: Any) -> None:
        self._grant()
        super().connect(address)

    def send(self, *args: Any) -> int:
        self._grant()
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        self._grant()
        super().sendall(*args)

    def recv(self, *args: Any) -> bytes:
        self._grant()
        data = super().recv(*args)
        self._count(len(data))
        return data

    def recv_into(self, *args: Any) -> int:
        self._grant()
        received = super().recv_into(*args)
        self._count(received)
        return received


class TlsSocket(_Bounded, ssl.SSLSocket):
    """To be set as the `sslsocket_class` of a context. `recv`, `recv_into` and `sendall` call these
    methods."""

    def do_handshake(self, block: bool = False) -> None:
        limit = self._limit
        self._grant()
        try:
            super().do_handshake(block)
        finally:
            self.settimeout(limit)

    def read(self, *args: Any) -> Any:
        self._grant()
        data = super().read(*args)
        self._count(data if isinstance(data, int) else len(data))
        return data

    def send(self, *args: Any) -> int:
        self._grant()
        return super().send(*args)


def time_left(*limits: float | None) -> float | None:
    """The smallest of the limits and the rest of the budget; None if there is neither. Raises TimeoutError if
    no time is left."""
    try:
        left = remaining(min((limit for limit in limits if limit is not None), default=inf))
    except DeadlineExceeded:
        left = 0.0
    if left <= 0:
        raise TimeoutError("no time is left")
    return None if left == inf else left


def connect(
    host: str,
    port: int,
    *,
    limit: float | None,
    source_address: tuple[str, int] | None = None,
    options: Iterable[tuple[Any, ...]] = (),
) -> Socket:
    """A connection to the first address of the host that accepts one. `limit` seconds is for each address;
    the addresses share the rest of a budget. Raises OSError."""
    addresses = _addresses(host, port, limit)
    failure = OSError("the name has no address")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        left = time_left(limit)
        share = left and max(left / (len(addresses) - tried), _SHORTEST_TRY)
        sock = Socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(share)
            if source_address:
                sock.bind(source_address)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            sock.settimeout(limit)
            return sock
    raise failure


def _addresses(host: str, port: int, limit: float | None) -> list[Any]:
    """Resolve the name in a thread of its own, since the resolver has no timeout."""
    family = allowed_gai_family()
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    else:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    results: SimpleQueue[list[Any] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            results.put(list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            results.put(error)

    left = time_left(limit)
    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        result = results.get(timeout=left)
    except Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(result, Exception):
        raise result
    return result


class BoundedConnection(_UrllibConnection):
    """A base class to put before one of urllib3's connections. The timeout then limits the whole connecting
    (with name resolution, a proxy's answer and the TLS handshake), and the whole answer to its last byte."""

    def connect(self) -> None:
        context = getattr(self, "ssl_context", None)
        if context is not None:
            context.sslsocket_class = TlsSocket
        with within(self.timeout) if isinstance(self.timeout, int | float) else nullcontext():
            super().connect()

    def _new_conn(self) -> Socket:
        host = self._dns_host.strip("[]")
        try:
            host.encode("idna")
        except UnicodeError:
            raise LocationParseError(f"'{host}', label empty or too long") from None
        try:
            sock = connect(
                host,
                self.port,
                limit=self.timeout,
                source_address=self.source_address,
                options=self.socket_options or (),
            )
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock

    def _connect_tls_proxy(self, hostname: str, sock: socket.socket) -> ssl.SSLSocket:
        config = self.proxy_config
        if config is not None:
            context = config.ssl_context or ssl.create_default_context()
            context.sslsocket_class = TlsSocket
            self.proxy_config = config._replace(ssl_context=context)
        return super()._connect_tls_proxy(hostname, sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        if (bounded := _bounded(self.sock)) is not None:
            bounded.ends_at, bounded.received = inf, 0
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        bounded = _bounded(self.sock)
        if bounded is not None and isinstance(self.timeout, int | float):
            bounded.ends_at = time.monotonic() + self.timeout
        return super().getresponse()

    @property
    def is_connected(self) -> bool:
        """urllib3 reads this before it uses a connection again. If False, it opens a new one."""
        bounded = _bounded(self.sock)
        return super().is_connected and (bounded is None or bounded.idle_for() <= MAX_IDLE)


def _bounded(sock: Any) -> _Bounded | None:
    """The socket itself, or the socket below it if TLS runs within TLS."""
    inner = getattr(sock, "socket", sock)
    return inner if isinstance(inner, _Bounded) else None
