"""What all pages of the demo share: the templates, the headers, the refresh, and the pages of a long list.

The pages need no script. The browser loads a page again after some seconds because of the header `Refresh`.
They show hostile text, so every text is escaped and the content security policy allows no script.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, render_template, request, send_from_directory

STATIC = Path(__file__).parent / "static"
CONSOLE_STATIC = Path(__file__).parents[2] / "console" / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
REFRESH = 3  # seconds
PER_PAGE = 8
_NOTICE_FOR = 12.0  # seconds for which a notice is shown


@dataclass
class Home:
    """Where the demo's pages are served, and what the last switch did."""

    url: str = ""  # empty while the pages are not served
    _notice: str = ""
    _noticed: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, notice: str) -> None:
        with self._lock:
            self._notice, self._noticed = notice, time.monotonic()

    @property
    def notice(self) -> str:
        with self._lock:
            return self._notice if time.monotonic() - self._noticed < _NOTICE_FOR else ""


@dataclass(frozen=True)
class Part:
    """One page of a list."""

    items: Sequence[Any]
    number: int  # from 1
    of: int
    total: int


def part(items: Sequence[Any], per_page: int = PER_PAGE) -> Part:
    """The page of `items` that the query asks for."""
    pages = max(1, -(-len(items) // per_page))
    number = min(max(request.args.get("page", 1, int), 1), pages)
    return Part(items[(number - 1) * per_page : number * per_page], number, pages, len(items))


def shell(name: str, home: Home) -> Blueprint:
    """A blueprint whose templates know `home`, and whose answers have the headers."""
    pages = Blueprint(name, __name__, template_folder="templates")

    @pages.context_processor
    def known() -> dict[str, Any]:
        still = request.args.get("still") is not None
        path = request.path
        kept = {key: value for key, value in request.args.items() if key != "still"}
        return {"home": home, "still": still, "path": path, "here": kept}

    @pages.after_request
    def guard(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return pages


def live(template: str, **context: Any) -> Response:
    """A page that the browser loads again, unless its reader has stopped that."""
    response = Response(render_template(template, live=True, **context))
    if request.args.get("still") is None:
        response.headers["Refresh"] = str(REFRESH)
    return response


def static_files(home: Home) -> Blueprint:
    """The stylesheets and the icon. The one for messages belongs to the console."""
    files = shell("static_files", home)

    @files.get("/static/<name>")
    def static(name: str) -> Response:
        folder = CONSOLE_STATIC if name == "previews.css" else STATIC
        return send_from_directory(folder, name)

    return files


def guarded(app: Flask) -> Flask:
    """Refuse requests that another site makes: forms, and names that were bound to this machine's address."""

    @app.before_request
    def check() -> None:
        host = urlsplit(f"//{request.host}").hostname or ""
        if not on_this_machine(host):
            abort(421)
        if request.method not in ("GET", "HEAD") and not _from_own_page():
            abort(403)

    return app


def _from_own_page() -> bool:
    """Whether a form of this very server was sent, or the request is not a browser's."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin")
    return origin is None or f"{origin}/" == request.host_url


def on_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def opens(url: str) -> bool:
    """Whether a link leads to one of the demo's own servers. A link to the EC2 console, for example, would
    lead to nothing, since the demo's machines are made up."""
    return on_this_machine(urlsplit(url).hostname or "")
