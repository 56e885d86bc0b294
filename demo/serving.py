"""Serves a Flask app on a loopback port while a `with` block lasts.

It listens only on 127.0.0.1 and logs nothing.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Write no access log."""


def _read_first(app: WSGIApplication) -> WSGIApplication:
    """Read the whole body first. A socket that is closed with an unread body is reset, and the client may
    then not see a 401 or a 429."""

    def whole(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"] = io.BytesIO(get_input_stream(environ).read())
        return app(environ, start_response)

    return whole


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve `app` in threads, one for each request; yields `http://127.0.0.1:<port>`.

    Port 0 means any free port. Raises OSError if the port is taken. The port closes at the end of the block.
    Requests in progress are not waited for.
    """
    # werkzeug would end the whole process if the port is taken, so the socket is bound here.
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
        server = make_server(
            "127.0.0.1",
            port,
            _read_first(app),
            threaded=True,
            request_handler=_Quiet,
            fd=listener.fileno(),
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()
