"""Answers HTTP requests by waitress, within bounds that hold whoever connects.

A request has a deadline for its headers and body together. A body is refused by its declared length before it
is read, and is never written to disk. Where all connections are taken, the oldest incomplete request of the
peer with the most connections is given up for the new one: neither many slow connections nor many from one
peer keep a webhook out.
"""

from __future__ import annotations

import errno
import json
import logging
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher
from waitress.utilities import Error

log = logging.getLogger(__name__)

WEB_THREADS = 8
# Seconds from the connection, or from the first byte of a further request, until the request is complete.
REQUEST_WITHIN = 20.0
# Seconds that a connection may wait for a further request: longer than proxies keep theirs (nginx: 60 s).
KEPT_ALIVE = 75.0
# Seconds and bytes that are still read, and thrown away, after a request was refused: a connection that is
# closed with data unread resets, and its peer may never see the answer.
DRAIN_WITHIN, DRAIN_MOST = 2.0, 16 * 1024 * 1024
CONNECTIONS = 1_000
MAX_HEADERS = 32 * 1024
MAX_HELD = 64 * 1024 * 1024  # bytes of all incomplete bodies together
_AT_ONCE = 64  # connections accepted in one turn of the loop
_NO_SUCH_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

# path, status, reason, address of the peer
TurnedAway = Callable[[str, int, str, str], None]


class RequestTimeout(Error):  # type: ignore[misc]
    code, reason = 408, "Request Timeout"


_WORDS = {
    400: "The request is malformed.",
    408: f"The request was not complete within {REQUEST_WITHIN:.0f} seconds.",
    431: f"The headers are larger than {MAX_HEADERS // 1024} KiB.",
    501: "The transfer encoding is not known here.",
    503: "The request was not complete, and its connection was needed for others.",
}


class Listener:
    """Listens from the start on; answers once `run` was called, in a thread of its own."""

    def __init__(
        self, app: Any, host: str, port: int, *, max_body: int, proxy: str | None, turned_away: TurnedAway
    ) -> None:
        """Port 0 takes a free one. Of `proxy`, an address, X-Forwarded-For is believed. Raises OSError."""
        sockets = list(_bound(host, port))
        adjustments = Adjustments(
            sockets=sockets,
            threads=WEB_THREADS,
            ident=None,
            recv_bytes=64 * 1024,
            max_request_header_size=MAX_HEADERS,
            max_request_body_size=max_body + 1,
            inbuf_overflow=2 * max_body,  # waitress writes a larger body to disk; none is larger
            log_socket_errors=False,
            asyncore_use_poll=True,
            **({"trusted_proxy": proxy, "trusted_proxy_headers": {"x-forwarded-for"}} if proxy else {}),
        )
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it writes a line for each request
        self.port = int(sockets[0].getsockname()[1])
        self.turned_away, self.max_body = turned_away, max_body
        self.connections = _room()
        self._map: dict[int, Any] = {}
        self._tasks = ThreadedTaskDispatcher()
        self._tasks.set_thread_count(WEB_THREADS)
        self._doors = [_Door(app, self, self._map, self._tasks, adjustments, bound) for bound in sockets]
        self._next_look = 0.0
        self._beat: Callable[[], None] = lambda: None

    def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """`beat` is called at least every few seconds."""
        self._beat = beat
        while self._map:
            try:
                wasyncore.loop(timeout=1.0, use_poll=True, map=self._map)
            except Exception:
                log.exception("the loop that answers requests failed; it goes on")
                time.sleep(0.1)

    def close(self) -> None:
        """Take no new connection; what is in is answered."""
        for door in self._doors:
            door.trigger.pull_trigger(partial(wasyncore.dispatcher.close, door))

    def rest(self) -> bool:
        """After `close`: whether everything that came in is answered."""
        if not self._tasks.queue:
            self._tasks.set_thread_count(0)
        return not self._tasks.threads

    def look(self) -> None:
        """Once a second, in the loop: give up what is overdue, and what holds too much memory."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + 1.0
        self._beat()
        for channel in self._channels():
            if channel.overdue(now):
                channel.give_up(408)
        held = sum(channel.held() for channel in self._channels())
        while held > MAX_HELD and (victim := self._victim(_Channel.held)):
            held -= victim.held()
            victim.give_up(503)

    def make_room(self) -> None:
        if len(self._channels()) > self.connections and (victim := self._victim()):
            victim.give_up(503)

    def _channels(self) -> list[_Channel]:
        """The connections that are not about to be closed."""
        return [one for one in self._map.values() if isinstance(one, _Channel) and not one.will_close]

    def _victim(self, fits: Callable[[_Channel], object] = lambda _: True) -> _Channel | None:
        """The oldest incomplete request of the peer that has the most of them."""
        waiting = [channel for channel in self._channels() if not channel.requests and fits(channel)]
        peers = Counter(channel.peer for channel in waiting)
        return min(waiting, key=lambda one: (-peers[one.peer], one.since), default=None)


class _Door(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket."""

    def __init__(
        self,
        app: Any,
        listener: Listener,
        map: dict[int, Any],
        tasks: ThreadedTaskDispatcher,
        adjustments: Adjustments,
        bound: socket.socket,
    ) -> None:
        self.listener = listener
        self.channel_class = _Channel
        super().__init__(
            app,
            map,
            _sock=bound,
            dispatcher=tasks,
            adj=adjustments,
            sockinfo=(bound.family, bound.type, bound.proto, bound.getsockname()),
            bind_socket=False,
        )

    def readable(self) -> bool:
        self.listener.look()
        return bool(self.accepting)

    def handle_accept(self) -> None:
        for _ in range(_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return
            self.listener.make_room()


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    command = path = ""  # where the first line cannot be read

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.completed:  # there is nothing to continue with: the request is whole, or refused
            self.expect_continue = False
        return int(consumed)

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # of a URL that is none, such as http://[/
            raise ParsingError("Bad URI") from error
        # A proxy in front may have gone by the other one of the two: what follows may be another's request.
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            raise ParsingError("Transfer-Encoding with Content-Length, or not in HTTP/1.1")


class _Refusal(ErrorTask):  # type: ignore[misc]
    def execute(self) -> None:
        error, channel = self.request.error, self.channel
        reason = channel.refuse(self.request, error.code)
        body = json.dumps({"status": "error", "message": reason}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = _Parser
    error_task_class = _Refusal
    request: _Parser | None
    close_when_flushed: bool

    def __init__(self, server: _Door, sock: socket.socket, addr: Any, adj: Adjustments, map: Any) -> None:
        self.since = time.monotonic()  # when it began to wait for what it waits for
        self._idle = False  # it waits for a further request, of which nothing has come
        self._refused = False
        self._drained: int | None = None  # bytes read since the refusal was sent
        self.peer = str(addr[0])
        super().__init__(server, sock, addr, adj, map=map)

    def overdue(self, now: float) -> bool:
        if self.requests:  # it waits for our answer
            return False
        within = DRAIN_WITHIN if self._drained is not None else KEPT_ALIVE if self._idle else REQUEST_WITHIN
        return now - self.since > within

    def held(self) -> int:
        """Bytes of a body that is not complete."""
        body = self.request.body_rcv if self.request else None
        return len(body) if body is not None else 0

    def give_up(self, status: int) -> None:
        """Close; with an answer, where the request's deadline has passed and its headers are here."""
        request = self.request
        if request is None or not request.headers_finished or self.close_when_flushed:
            self.will_close = True
        elif status == RequestTimeout.code:
            with self.requests_lock:
                self.since = time.monotonic()
                request.error = RequestTimeout("")
                self.request, self.requests = None, [request]
            self.server.add_task(self)
        else:
            self.refuse(request, status)
            self.will_close = True

    def refuse(self, request: _Parser, status: int) -> str:
        """Report a request that never reaches the application, and say why."""
        self._refused = True
        listener = self.server.listener
        words = _WORDS | {413: f"The body is larger than {listener.max_body // 1024} KiB."}
        reason = words.get(status, "Something went wrong here; see the log.")
        if request.command == "POST":
            listener.turned_away(request.path, status, reason, self.peer)
        return reason

    def received(self, data: bytes) -> bool:
        if self._drained is not None:
            self._drained += len(data)
            self.will_close = self._drained > DRAIN_MOST
            return True
        if self._idle:
            self._idle, self.since = False, time.monotonic()
        return bool(super().received(data))

    def service(self) -> None:
        try:
            super().service()
        except Exception:
            log.exception("a request could not be answered")
            self.cancel()  # else it would wait for its answer, and be kept, for ever
        self._idle, self.since = self.request is None, time.monotonic()

    def handle_write(self) -> None:
        if self._refused and self.close_when_flushed and not self.will_close:
            self._flush_exception(self._flush_some)
            if not self.connected:  # the peer has gone
                return
            if not self.total_outbufs_len and not self.will_close:
                self._hang_up()
                return
        super().handle_write()

    def _hang_up(self) -> None:
        """Close our half after a refusal, and read what the peer is still sending."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True
        self.close_when_flushed = False
        self._drained, self.since = 0, time.monotonic()


def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket for each address of the host. An address that this machine does not have, as `::1` where IPv6
    is switched off, is left out while another is there. Raises OSError."""
    name = None if host == "*" else host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )
    except UnicodeError:
        raise OSError(errno.EINVAL, "this is no name of a host") from None
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in dict.fromkeys((one[0], one[4]) for one in found):
            try:
                made = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                missing = error
                continue
            bound.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                made.bind((address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in _NO_SUCH_ADDRESS:
                    raise
                missing = error
                bound.pop().close()
            else:
                port = port or made.getsockname()[1]  # the same for each address
        if not bound:
            raise missing or OSError(errno.EADDRNOTAVAIL, "the host has no address")
    except OSError:
        for made in bound:
            made.close()
        raise
    yield from bound


def _room() -> int:
    """How many connections the process may hold, half of its files being for other things."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(CONNECTIONS, soft // 2)
