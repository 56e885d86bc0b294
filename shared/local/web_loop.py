"""Answers webhooks in the loop that reads their connections, many with one sync of the disk.

In each turn the loop reads what has come in at all connections, has all complete webhooks stored together,
and answers them. No thread is handed anything. A connection whose request is for something else is given
away, with the bytes that were read.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from shared.local.listen import Channel, Listener, OnRefusal, Parser, SocketServer
from shared.local.polled import Polled
from shared.local.web_parent import Parent
from shared.local.web_threads import Busy

log = logging.getLogger(__name__)

FLUSH_WITHIN = 2.0  # seconds that the last answers may take at a stop
TOO_BUSY = "Everything but webhooks is busy at the moment. Try again in a few seconds."


@dataclass(frozen=True)
class Request:
    body: bytes
    content_encoding: str
    authorization: str


@dataclass(frozen=True)
class Answer:
    status: str  # such as "202 Accepted"
    headers: list[tuple[str, str]]
    body: bytes


class Webhooks(Protocol):
    """What decides about the requests."""

    def each_second(self) -> None: ...

    def takes(self, method: str, path: str) -> bool:
        """Whether such a request is answered here."""
        ...

    def store(self, requests: Sequence[Request]) -> Sequence[Callable[[str], Answer]]:
        """Store what is to be accepted. Returns for each request what makes its answer, given the address of
        its sender."""
        ...


class WebLoop(Listener):
    def __init__(
        self,
        webhooks: Webhooks,
        parent: Parent,
        sockets: Sequence[socket.socket],
        *,
        max_body: int,
        proxy: str | None,
        on_refusal: OnRefusal,
    ) -> None:
        """As for `Listener`. `parent` gets the connections that ask for something else."""
        self.webhooks, self.parent = webhooks, parent
        self.complete: list[_Connection] = []  # connections with a complete request
        self._make_answer: Callable[[str], Answer]
        super().__init__(
            self._app,
            *("", 0),
            max_body=max_body,
            proxy=proxy,
            on_refusal=on_refusal,
            threads=0,
            sockets=sockets,
        )
        for server in self._servers:
            server.adj.send_bytes = 64 * 1024  # headers and body of an answer go out together
        parent.join(self._map)

    def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Until the parent says stop. What has come in until then is answered."""
        super().run(self.webhooks.each_second)
        self.close()
        until = time.monotonic() + FLUSH_WITHIN
        while time.monotonic() < until:
            self.polled.turn(0.02)
            if not self.complete and not any(each.total_outbufs_len for each in self._channels()):
                break
            self.answer()

    def goes_on(self) -> bool:
        return not self.parent.stopped

    def make_map(self) -> Polled:
        self.polled = Polled()
        return self.polled

    def make_server(self, *given: Any) -> SocketServer:
        return _Server(*given)

    def turn(self) -> None:
        self.polled.turn(1.0)
        self.check()
        self.answer()
        self.parent.after_turn()

    def answer(self) -> None:
        """Answer all complete requests."""
        while self.complete:
            ready, self.complete = self.complete, []
            valid = [each for each in ready if each.requests and not each.requests[0].error]
            try:
                makers = self.webhooks.store([_request(each.requests[0]) for each in valid]) if valid else ()
                answers = dict(zip(valid, makers, strict=True))
            except Exception:
                log.exception("webhooks could not be answered")
                for each in valid:
                    each.cancel()
                continue
            for each in ready:
                if each in answers:
                    self._make_answer = answers[each]
                if each.requests:
                    each.service()
                    each.handle_write()
                    self.polled.changed(each._fileno)

    def _app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        """WSGI. Waitress applies the headers of a proxy before, and adds what HTTP requires."""
        answer = self._make_answer(environ["REMOTE_ADDR"])
        start_response(answer.status, [*answer.headers, ("Content-Length", str(len(answer.body)))])
        return [answer.body]


class _Server(SocketServer):
    listener: WebLoop

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.channel_class = _Connection

    def add_task(self, channel: _Connection) -> None:
        self.listener.complete.append(channel)

    def pull_trigger(self) -> None:
        """Nobody has to be woken: all is done by the thread of the loop."""


class _Connection(Channel):
    request: _Request | None

    def __init__(self, server: _Server, *given: Any, **more: Any) -> None:
        super().__init__(server, *given, **more)
        self.parser_class = partial(_Request, takes=server.listener.webhooks.takes)

    def give_up(self, status: int) -> None:
        super().give_up(status)
        self.server.listener.polled.changed(self._fileno)

    def received(self, data: bytes) -> bool:
        taken = super().received(data)
        self._give_away()
        return taken

    def handle_write(self) -> None:
        super().handle_write()
        self._give_away()

    def _give_away(self) -> None:
        """Give the connection away if its request is for something else and those before it are answered."""
        request = self.request
        if request is None or not request.elsewhere or self.requests or self.total_outbufs_len:
            return
        if self.will_close or not self.connected:
            return
        if self.server.listener.parent.give_away(self.socket, request.bytes, self.since):
            self.handle_close()
        else:
            request.error = Busy(TOO_BUSY)
            self.request, self.requests = None, [request]
            self.server.add_task(self)


class _Request(Parser):
    def __init__(self, adjustments: Any, takes: Callable[[str, str], bool]) -> None:
        super().__init__(adjustments)
        self._takes = takes
        self.bytes = b""  # what came in, until the headers are complete
        self.elsewhere = False

    def received(self, data: bytes) -> int:
        if self.headers_finished:
            return super().received(data)
        self.bytes += data
        consumed = super().received(data)
        if not self.headers_finished or self.error or self.empty:
            return consumed
        if self._takes(self.command, self.path):
            self.bytes = b""
            return consumed
        self.elsewhere = True
        self.completed = self.expect_continue = False
        return len(data)


def _request(parsed: Any) -> Request:
    body = parsed.body_rcv.getfile().read() if parsed.body_rcv is not None else b""
    headers = parsed.headers
    return Request(body, headers.get("CONTENT_ENCODING", ""), headers.get("AUTHORIZATION", ""))
