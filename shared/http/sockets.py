"""Sockets whose blocking calls end with the wall-clock budget of the work that they are done for.

The timeout of an ordinary socket begins anew with each byte that arrives, so a peer that sends byte by byte
holds a call for days. Here every connect, handshake, send and read may take only what is left: of the
socket's timeout, of the time that the whole answer has, and of the budget in
`shared.http.deadlines`. Nor may an answer be of any length.
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

# Seconds that an open connection may wait for its next request. Common servers close theirs after 5 s, and a
# process that was frozen meanwhile, as on Lambda, does not see it: its next request would go nowhere.
MAX_IDLE = 4.0
_SHORTEST_TRY = 1.0  # seconds that one of several addresses has at least
# Bytes of one answer as it comes over the wire: far more than any that is read whole. Nothing else limits the
# line that says how long a chunk is.
MAX_ANSWER = 64 * 1024 * 1024

if TYPE_CHECKING:
    from urllib3.connection import HTTPSConnection as _UrllibConnection

    class _Timed(socket.socket): ...
else:

    class _UrllibConnection: ...

    class _Timed: ...


class _Bounded(_Timed):
    """The common part of the two kinds of socket below."""

    _limit: float | None = None
    ends_at = inf  # by `time.monotonic`: when the answer that is being read must be complete
    received = 0  # bytes of that answer
    _used = (0.0, 0.0)

    def settimeout(self, value: float | None) -> None:
        self._limit = value
        super().settimeout(value)

    def idle_for(self) -> float:
        """Seconds since the last use, by the clock that says more: one of the two may stand still while the
        process is frozen, and the wall clock may be set back."""
        wall, steady = self._used
        return max(abs(time.time() - wall), time.monotonic() - steady)

    def _grant(self) -> None:
        """Give the next call what is left. Raises TimeoutError where nothing is."""
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
    """Give it to a context as its `sslsocket_class`. Its `recv`, `recv_into` and `sendall` come to these."""

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
    """The least of the limits and of what is left of the budget; None where there is neither. Raises
    TimeoutError where nothing is left."""
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
    """A connection to the first address of the host that takes one. `limit` is for each address; within a
    budget the addresses share what is left of it. Raises OSError."""
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
    """Resolves the name in a thread of its own, since the resolver takes no timeout."""
    family = allowed_gai_family()
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    else:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    said: SimpleQueue[list[Any] | OSError | UnicodeError] = SimpleQueue()

    def ask() -> None:
        try:
            said.put(list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            said.put(error)

    left = time_left(limit)
    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = said.get(timeout=left)
    except Empty:
        raise TimeoutError("the name was not resolved in time") from None
    if isinstance(found, Exception):
        raise found
    return found


class BoundedConnection(_UrllibConnection):
    """Before one of urllib3's connections as a base class: connecting, with the name's resolution, a proxy's
    answer and the TLS handshake, takes its timeout in all; so does an answer, to its last byte."""

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
        """urllib3 asks this before it uses a connection again, and opens a new one where it is False."""
        bounded = _bounded(self.sock)
        return super().is_connected and (bounded is None or bounded.idle_for() <= MAX_IDLE)


def _bounded(sock: Any) -> _Bounded | None:
    """The socket itself, or the one below TLS within TLS."""
    inner = getattr(sock, "socket", sock)
    return inner if isinstance(inner, _Bounded) else None
