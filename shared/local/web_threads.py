"""The threads that answer web requests.

Webhooks have threads that nothing else can take. Pages for people are slower, so they have a few threads of
their own, and a limited number of them may wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error

RETRY_AFTER = 2  # seconds


class Busy(Error):  # type: ignore[misc]
    code, reason = 503, "Service Unavailable"


TOO_MANY = "Too many pages are being asked for at the moment. Try again in a few seconds."


@dataclass(frozen=True)
class Pages:
    """Requests that have threads of their own."""

    takes: Callable[[str], bool]  # whether a request with this path is one of them
    threads: int = 4
    most_waiting: int = 64  # beyond it they are answered with 503


class WebThreads:
    def __init__(self, threads: int, pages: Pages | None = None) -> None:
        self.main = ThreadedTaskDispatcher()
        self.main.set_thread_count(threads)
        self._pages, self._others = pages, ThreadedTaskDispatcher()
        self._others.set_thread_count(pages.threads if pages else 0)

    def add(self, channel: Any) -> None:
        """Answer the first request of the connection in a thread of its kind."""
        request, pages = channel.requests[0], self._pages
        if pages is None or request.error or not pages.takes(request.path):
            self.main.add_task(channel)
        elif len(self._others.queue) < pages.most_waiting:
            self._others.add_task(channel)
        else:
            request.error = Busy(TOO_MANY)  # to say so takes no time
            self.main.add_task(channel)

    def rest(self) -> bool:
        """Whether all requests are answered. Ends the threads that have nothing left to do."""
        for tasks in (self.main, self._others):
            if not tasks.queue:
                tasks.set_thread_count(0)
        return not self.main.threads and not self._others.threads


def with_connection(app: Callable[..., Any]) -> Callable[..., Any]:
    """WSGI: keeps what waitress replaces or removes when it applies the headers of a proxy. These are the
    address at the other end of the connection, `X-Forwarded-Proto`, and whether there is any header of a
    proxy."""

    def keeping(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        environ["huntbridge.peer"] = environ.get("REMOTE_ADDR", "")
        environ["huntbridge.forwarded_proto"] = environ.get("HTTP_X_FORWARDED_PROTO", "")
        environ["huntbridge.forwarded"] = any(name in environ for name in _OF_PROXIES)
        return app(environ, start_response)

    return keeping


_OF_PROXIES = (
    *("HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_REAL_IP"),
    *(f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "HOST", "PROTO", "PORT", "BY", "SERVER")),
)
