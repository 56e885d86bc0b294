"""Protects every request and every answer, whatever its view does.

* Only known names are answered: the names of loopback, and those of `console.hosts`. So a page on the
  internet cannot make its own name point to the console (DNS rebinding). Without `console.hosts` a console
  with users or a proxy answers under any name. On loopback without users, everything that came through a
  proxy is refused as well.
* A request that may change something must come from a page of the console (CSRF): by `Sec-Fetch-Site`, or
  where the browser does not send it, by `Origin`. A request with neither is refused.
* Every answer has the headers that keep scripts of others, frames and guessed types out.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request, url_for
from werkzeug.exceptions import Forbidden, MethodNotAllowed, Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from console.sign_in import SignIn

SAFE = frozenset({"GET", "HEAD"})
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_CLOCK = re.compile(rb"<time[^>]* data-clock>[^<]*</time>")


@dataclass(frozen=True)
class Guard:
    only_loopback: bool
    readonly: str = ""  # why nobody can act
    hosts: frozenset[str] = frozenset()  # `console.hosts`

    def check_host(self) -> None:
        """Raises Forbidden if the request names a host under which the console does not answer."""
        if not self.only_loopback and not self.hosts:
            return
        try:
            host = urlsplit(f"//{request.host}").hostname
        except ValueError:
            host = None
        if host in _LOOPBACK and not (self.only_loopback and request.environ.get("huntbridge.forwarded")):
            return
        if self.only_loopback:
            raise Forbidden(
                "This console answers on this machine only, under 127.0.0.1 or localhost. For any other "
                "address, configure console.users or console.proxy."
            )
        if host not in self.hosts:
            raise Forbidden("This console does not answer under this name. console.hosts has its names.")


def check_origin(is_secure: bool) -> None:
    """Raises Forbidden if an unsafe request does not come from a page of this console."""
    if request.method in SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        allowed = origin == f"{'https' if is_secure else 'http'}://{request.host}"
    if not allowed:
        raise Forbidden(
            "This request did not come from a page of this console, so nothing was changed. "
            "Open the console and try again."
        )


def protect(app: Flask, guard: Guard, sign: SignIn) -> None:
    """Add the checks before every view, and the headers after it."""

    @app.before_request
    def check() -> AnyResponse | None:
        g.now, g.user, g.readonly = sign.now(), None, guard.readonly
        guard.check_host()
        if request.routing_exception is not None and isinstance(request.routing_exception, MethodNotAllowed):
            raise request.routing_exception
        if request.endpoint == "static" and request.method not in SAFE:
            raise MethodNotAllowed(sorted(SAFE))
        if request.endpoint != "static":
            check_origin(sign.is_secure())
            g.user = sign.user()
        if g.user is None and request.endpoint not in sign.open_to_all:
            if request.path.startswith("/api/"):
                raise Unauthorized("Sign in first.")
            if sign.has_sessions and request.method in SAFE:
                return redirect(url_for("sign_in.form", next=request.full_path.rstrip("?")))
            raise Unauthorized(sign.missing)
        return None

    @app.after_request
    def finish(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint == "static" and response.status_code in (200, 304):
            kept = "public, max-age=31536000, immutable" if request.args.get("v") else "no-cache"
            response.headers["Cache-Control"] = kept
        else:
            response.headers["Cache-Control"] = "no-store"
            _tag(response)
        return response


def _tag(response: Response) -> None:
    """The tag of a page changes with all of it but the clock, so that a page that looks for news gets 304
    when there is none."""
    if response.status_code == 200 and request.method == "GET" and not response.is_streamed:
        content: Any = _CLOCK.sub(b"", response.get_data())
        response.set_etag(hashlib.sha256(content).hexdigest()[:32])
        response.make_conditional(request)
