"""Answers HTTP requests with waitress, within limits for every client.

A request has one deadline for its headers and its body together. A body that is declared too large is refused
before it is read, and no body is written to disk. When all connections are in use, a new one replaces the
oldest incomplete request of the client with the most connections. So neither many slow connections nor many
connections of one client keep a webhook out. A client that sends many requests and reads no answer gets few
of them answered, so that its answers never fill the buffer for which a thread would wait.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import Error

from shared.local.sockets import bound, connection_limit
from shared.local.web_threads import RETRY_AFTER, Busy, Pages, WebThreads, with_connection

log = logging.getLogger(__name__)

WEB_THREADS = 8
# Seconds until a request must be complete, from the connection or from the first byte of a later request.
REQUEST_WITHIN = 20.0
# Seconds that a connection may wait for a later request: longer than proxies keep theirs (nginx: 60 s).
KEPT_ALIVE = 75.0
# Seconds and bytes that are read and discarded after a refusal. Closing a connection with unread data resets
# it, and its client may never see the answer.
DRAIN_WITHIN, DRAIN_MOST = 2.0, 16 * 1024 * 1024
MAX_HEADERS = 32 * 1024
AHEAD = 16  # requests of one connection that may wait for the answers before them
MAX_HELD = 64 * 1024 * 1024  # bytes of all incomplete bodies together
_ACCEPTED_AT_ONCE = 64  # connections, in one turn of the loop

# Called with path, status, reason and the client's address.
OnRefusal = Callable[[str, int, str, str], None]


class RequestTimeout(Error):  # type: ignore[misc]
    code, reason = 408, "Request Timeout"


# Of the answers that no application makes. A browser shows them as they are, and runs nothing in them.
_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)
_REASONS = {
    400: "The request is malformed.",
    408: f"The request was not complete within {REQUEST_WITHIN:.0f} seconds.",
    431: f"The headers are larger than {MAX_HEADERS // 1024} KiB.",
    501: "The transfer encoding is not known here.",
    503: "The request was not complete, and its connection was needed for others.",
}


class Listener:
    """Accepts connections from the start, and answers once a thread has called `run`."""

    def __init__(
        self,
        app: Any,
        host: str,
        port: int,
        *,
        max_body: int,
        proxy: str | None,
        on_refusal: OnRefusal,
        threads: int = WEB_THREADS,
        pages: Pages | None = None,
        sockets: Sequence[socket.socket] = (),
        accepts: bool = True,
    ) -> None:
        """Port 0 means any free port. `max_body` is in bytes. `proxy` is the address whose X-Forwarded-For
        header is trusted. `pages` are requests with threads of their own. `sockets` are bound already, to
        this host and port. Without `accepts`, only connections that are passed to `adopt` are answered.
        Raises OSError."""
        self.sockets = list(sockets) or bound(host, port)
        adjustments = Adjustments(
            sockets=self.sockets,
            threads=threads,
            ident=None,
            recv_bytes=64 * 1024,
            max_request_header_size=MAX_HEADERS,
            max_request_body_size=max_body + 1,
            inbuf_overflow=2 * max_body,  # waitress writes larger bodies to disk; none gets that large
            log_socket_errors=False,
            asyncore_use_poll=True,
            **({"trusted_proxy": proxy, "trusted_proxy_headers": {"x-forwarded-for"}} if proxy else {}),
        )
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it logs a line for each queued request
        self.host, self.port = host, int(self.sockets[0].getsockname()[1])
        self.on_refusal, self.max_body = on_refusal, max_body
        self.connections = connection_limit()
        self._map = self.make_map()
        self.tasks = WebThreads(threads, pages)
        self._servers = [
            self.make_server(app, self, self._map, adjustments, each, accepts) for each in self.sockets
        ]
        self._next_check = 0.0
        self._beat: Callable[[], None] = lambda: None

    def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """`beat` is called at least every few seconds."""
        self._beat = beat
        while self.goes_on():
            try:
                self.turn()
            except Exception:
                log.exception("the loop that answers requests failed and continues")
                time.sleep(0.1)

    def make_map(self) -> dict[int, Any]:
        return {}

    def make_server(self, *given: Any) -> SocketServer:
        return SocketServer(*given)

    def goes_on(self) -> bool:
        return bool(self._map)

    def turn(self) -> None:
        """Wait until something happens at the connections, at most a second, and deal with it."""
        wasyncore.loop(timeout=1.0, use_poll=True, map=self._map, count=1)

    def adopt(self, connection: socket.socket, received: bytes, since: float) -> None:
        """Answer a connection that another process accepted. `received` are the bytes of its next request
        that came in so far; `since` is when that request began, in seconds of the monotonic clock."""
        self._servers[0].trigger.pull_trigger(partial(self._adopt, connection, received, since))

    def _adopt(self, connection: socket.socket, received: bytes, since: float) -> None:
        server = self._servers[0]
        try:
            peer = connection.getpeername()
        except OSError:  # the client has gone
            connection.close()
            return
        channel = Channel(server, connection, peer, server.adj, self._map)
        channel.since = since
        channel.received(received)
        self.make_room()

    def close(self) -> None:
        """Accept no new connections. Requests that have come in are still answered."""
        for server in self._servers:
            server.trigger.pull_trigger(partial(wasyncore.dispatcher.close, server))

    def rest(self) -> bool:
        """After `close`: whether all requests that came in are answered."""
        return self.tasks.rest()

    def check(self) -> None:
        """Once a second, in the loop: close connections that are overdue or hold too much memory."""
        now = time.monotonic()
        if now < self._next_check:
            return
        self._next_check = now + 1.0
        self._beat()
        for channel in self._channels():
            if channel.overdue(now):
                channel.give_up(408)
        held = sum(channel.held() for channel in self._channels())
        while held > MAX_HELD and (victim := self._victim(Channel.held)):
            held -= victim.held()
            victim.give_up(503)

    def make_room(self) -> None:
        if len(self._channels()) > self.connections and (victim := self._victim()):
            victim.give_up(503)

    def _channels(self) -> list[Channel]:
        """The connections that are not about to be closed."""
        channels = (entry for entry in self._map.values() if isinstance(entry, Channel))
        return [channel for channel in channels if not channel.will_close]

    def _victim(self, fits: Callable[[Channel], object] = lambda _: True) -> Channel | None:
        """The connection to close: the oldest incomplete request of the client that has the most of them."""
        waiting = [channel for channel in self._channels() if not channel.requests and fits(channel)]
        peers = Counter(channel.peer for channel in waiting)
        return min(waiting, key=lambda channel: (-peers[channel.peer], channel.since), default=None)


class SocketServer(TcpWSGIServer):  # type: ignore[misc]
    """One listening socket."""

    def __init__(
        self,
        app: Any,
        listener: Listener,
        map: dict[int, Any],
        adjustments: Adjustments,
        bound: socket.socket,
        accepts: bool,
    ) -> None:
        self.listener = listener
        self.channel_class = Channel
        super().__init__(
            app,
            map,
            _sock=bound,
            dispatcher=listener.tasks.main,
            adj=adjustments,
            sockinfo=(bound.family, bound.type, bound.proto, bound.getsockname()),
            bind_socket=False,
            _start=accepts,
        )
        self.application: Any = with_connection(self.application)

    def add_task(self, channel: Channel) -> None:
        self.listener.tasks.add(channel)

    def readable(self) -> bool:
        self.listener.check()
        return bool(self.accepting)

    def handle_accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return
            self.listener.make_room()


class Parser(HTTPRequestParser):  # type: ignore[misc]
    command = path = ""  # for a first line that cannot be parsed

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if self.completed:  # the request is complete or refused, so the client has nothing to continue with
            self.expect_continue = False
        return int(consumed)

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an invalid URL, such as http://[/
            raise ParsingError("Bad URI") from error
        # A proxy in front may go by the other of the two headers, and see the end of the request elsewhere
        # (request smuggling).
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            raise ParsingError("Transfer-Encoding with Content-Length, or not in HTTP/1.1")


class _Refusal(ErrorTask):  # type: ignore[misc]
    def execute(self) -> None:
        error, channel = self.request.error, self.channel
        reason = channel.refuse(self.request, error.code)
        if isinstance(error, Busy):
            reason = error.body
            self.response_headers.append(("Retry-After", str(RETRY_AFTER)))
        body = json.dumps({"status": "error", "message": reason}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", "application/json"), *_HEADERS]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class: Any = Parser
    error_task_class = _Refusal
    request: Parser | None
    close_when_flushed: bool

    def __init__(
        self, server: SocketServer, sock: socket.socket, addr: Any, adj: Adjustments, map: Any
    ) -> None:
        self.since = time.monotonic()  # when the current wait began
        self._idle = False  # it waits for the first byte of a later request
        self._refused = False
        self._drained: int | None = None  # bytes read since the refusal was sent
        self.peer = str(addr[0])
        super().__init__(server, sock, addr, adj, map=map)

    def overdue(self, now: float) -> bool:
        if self.requests:  # the client waits for our answer
            return False
        within = DRAIN_WITHIN if self._drained is not None else KEPT_ALIVE if self._idle else REQUEST_WITHIN
        return now - self.since > within

    def held(self) -> int:
        """The bytes of an incomplete body."""
        body = self.request.body_rcv if self.request else None
        return len(body) if body is not None else 0

    def give_up(self, status: int) -> None:
        """Close the connection. An overdue request whose headers are complete gets an answer first."""
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

    def refuse(self, request: Parser, status: int) -> str:
        """Report a request that never reaches the application. Returns the reason for the client."""
        self._refused = True
        listener = self.server.listener
        reasons = _REASONS | {413: f"The body is larger than {listener.max_body // 1024} KiB."}
        reason = reasons.get(status, "Something went wrong here; see the log.")
        if request.command == "POST":
            listener.on_refusal(request.path, status, reason, self.peer)
        return reason

    def received(self, data: bytes) -> bool:
        if self._drained is not None:
            self._drained += len(data)
            self.will_close = self._drained > DRAIN_MOST
            return True
        if self._idle:
            self._idle, self.since = False, time.monotonic()
        taken = bool(super().received(data))
        self._take_few()
        return taken

    def _take_few(self) -> None:
        """Drop all but the first requests that wait, and close the connection when those are answered."""
        with self.requests_lock:
            if len(self.requests) <= AHEAD:
                return
            for request in self.requests[AHEAD:]:
                request.close()
            del self.requests[AHEAD:]
            self.requests[-1].headers["CONNECTION"] = "close"

    def service(self) -> None:
        try:
            super().service()
        except Exception:
            log.exception("a request could not be answered")
            self.cancel()  # otherwise the connection would wait for an answer for ever
        self._idle, self.since = self.request is None, time.monotonic()

    def handle_write(self) -> None:
        if self._refused and self.close_when_flushed and not self.will_close:
            self._flush_exception(self._flush_some)
            if not self.connected:  # the client has closed it
                return
            if not self.total_outbufs_len and not self.will_close:
                self._hang_up()
                return
        super().handle_write()

    def _hang_up(self) -> None:
        """Close our half of the connection after a refusal, and read what the client still sends."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True
        self.close_when_flushed = False
        self._drained, self.since = 0, time.monotonic()
