"""A server on a loopback port that answers as the test says."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    status: int
    body: str | bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


HANG, DROP = Reply(-1), Reply(-2)  # never answer; close the connection without an answer


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Peer:
    """Answers with `replies` in order, repeats the last of them, and keeps the requests."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [Reply(200)]
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def answers(self, *replies: Reply) -> None:
        self.replies, self.requests = list(replies), []

    def _handler(peer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet for head and body: two would wait 40 ms for each other

            def log_message(self, *args: object) -> None: ...

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length))
                peer.requests.append(request)
                reply = peer.replies[min(len(peer.requests), len(peer.replies)) - 1]
                if reply is HANG:
                    peer.closing.wait(5)
                if reply in (HANG, DROP):
                    self.close_connection = True
                    return
                body = reply.body.encode() if isinstance(reply.body, str) else reply.body
                self.send_response(reply.status, "whatever")
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_CONNECT = handle_one

        return Handler

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
