"""A company's proxy, as tests meet it: it takes CONNECT, inspects TLS with certificates of its own authority,
and answers in the place of every host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.certificates import Certificate


@dataclass(frozen=True)
class Reply:
    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    drips: bool = False  # byte by byte, and never to its end


@dataclass(frozen=True)
class Seen:
    host: str
    method: str
    path: str
    headers: dict[str, str]  # names in lower case


class CorporateProxy:
    def __init__(self, folder: Path) -> None:
        self.reply = Reply(200)
        self.connects: list[str] = []  # hosts, one for each connection
        self.requests: list[Seen] = []
        self._folder, self.authority = folder, Certificate(folder, "authority")
        self._shown: dict[str, Certificate] = {}
        self.server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def certificate(self, host: str) -> Certificate:
        if host not in self._shown:
            self._shown[host] = Certificate(self._folder, host, host=host, by=self.authority)
        return self._shown[host]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            host = ""

            def do_CONNECT(self) -> None:
                self.host = self.path.rpartition(":")[0]
                proxy.connects.append(self.host)
                self.send_response_only(200)
                self.end_headers()
                context = proxy.certificate(self.host).context
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.close_connection = False

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                proxy.requests.append(Seen(self.host, self.command, self.path, headers))
                reply = proxy.reply
                body = reply.body.encode()
                self.send_response_only(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "60000" if reply.drips else str(len(body)))
                self.end_headers()
                while reply.drips:
                    self.wfile.write(b"o")
                    time.sleep(0.02)
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: Any) -> None: ...

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that does not like the certificate, or goes away, is what some tests are about."""


@contextmanager
def corporate_proxy(folder: Path) -> Iterator[CorporateProxy]:
    proxy = CorporateProxy(folder)
    thread = Thread(target=proxy.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        with suppress(OSError):
            proxy.server.shutdown()
        proxy.server.server_close()
