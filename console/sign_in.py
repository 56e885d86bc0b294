"""Decides who sent a request, in one of three ways:

* `link` (on loopback, without further configuration): a one-time link signs in an administrator.
* `users`: names and passwords of the configuration. The one-time link works as well, since whoever can make
  one may also change the configuration.
* `proxy`: a reverse proxy names the user in a header. There is no session; each request is judged anew.

In the first two ways a signed cookie holds the session.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import Headers
from werkzeug.exceptions import TooManyRequests, Unauthorized
from werkzeug.wrappers import Response

from console.attempts import Attempts
from console.identity import Role, User
from console.one_time_links import OneTimeLinks
from console.passwords import Passwords, digest
from console.sessions import Sessions, user_of

log = logging.getLogger(__name__)

ByProxy = Callable[[Headers, str], User | None]  # headers and peer of a request

LINK = "the one-time link"
PASSWORD = "a password"  # noqa: S105


@dataclass(frozen=True)
class SignIn:
    now: Callable[[], datetime]
    sessions: Sessions
    links: OneTimeLinks
    attempts: Attempts
    passwords: Passwords
    only_loopback: bool  # the console has neither users nor a proxy
    operator: str = "operator"  # the name of whoever comes by the one-time link
    by_proxy: ByProxy | None = None
    hosts: frozenset[str] = frozenset()  # the names under which the console answers; empty: any
    tls_proxies: frozenset[str] = frozenset()  # addresses whose X-Forwarded-Proto is believed

    open_to_all = frozenset({"static", "sign_in.form", "sign_in.check", "sign_in.link", "sign_in.use_link"})

    @property
    def has_sessions(self) -> bool:
        return self.by_proxy is None

    @property
    def missing(self) -> str:
        """What somebody without a session has to do."""
        if self.has_sessions:
            return "Sign in first."
        return "The proxy in front of this console names no user who may use it."

    def peer(self) -> str:
        """The address at the other end of the connection, whatever the headers say."""
        return str(request.environ.get("huntbridge.peer", request.remote_addr) or "")

    def is_secure(self) -> bool:
        if self.peer() in self.tls_proxies:
            forwarded = request.environ.get("huntbridge.forwarded_proto")
            return (forwarded or request.headers.get("X-Forwarded-Proto", "")) == "https"
        return request.scheme == "https"

    def cookie_name(self) -> str:
        """Browsers do not keep cookies of different ports apart, so the plain name has the port."""
        if self.is_secure():
            return "__Host-huntbridge"
        return f"huntbridge-{request.environ.get('SERVER_PORT', '')}"

    def user(self) -> User | None:
        if self.by_proxy:
            return self.by_proxy(request.headers, self.peer())
        content = self.sessions.read(request.cookies.get(self.cookie_name(), ""))
        if content is None:
            return None
        try:
            user = user_of(content)
        except (KeyError, ValueError):  # written by another version
            return None
        if user.how != PASSWORD:
            return user
        current = self.passwords.user(user.name)  # the role may have changed, or the password
        if current is None or digest(current.password_hash) != content.get("password"):
            return None
        return User(user.name, Role(current.role), PASSWORD)

    def begin(self, user: User, password: str = "") -> Response:
        """Start a new session, and end the one that the browser had."""
        self.sessions.end(request.cookies.get(self.cookie_name(), ""))
        log.info("signed in", extra={"user": user.name, "how": user.how, "address": request.remote_addr})
        response = redirect(local_path(request.form.get("next", "")), 303)
        response.set_cookie(
            self.cookie_name(),
            self.sessions.start(user, password),
            max_age=self.sessions.seconds,
            path="/",
            secure=self.is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response


def local_path(text: str) -> str:
    """The path of a page of this console; "/" for anything else, such as the address of another site."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_local and "\\" not in text and not text.startswith("/sign-in") else "/"


def blueprint(sign: SignIn) -> Blueprint:
    pages = Blueprint("sign_in", __name__)

    @pages.get("/sign-in")
    def form() -> Response | str:
        if sign.by_proxy:
            raise Unauthorized(sign.missing)
        return _form()

    @pages.post("/sign-in")
    def check() -> Response:
        if not sign.passwords.any or sign.by_proxy:
            raise Unauthorized("Nobody signs in with a password here.")
        name, password = request.form.get("name", ""), request.form.get("password", "")
        address = request.remote_addr or ""
        # People write their password into the wrong field, so the log names only users who exist.
        who = {"user": name if sign.passwords.user(name) else "unknown", "address": address}
        if wait := sign.attempts.wait(name, address):
            log.warning("a sign-in was refused after too many failed attempts", extra=who)
            return _again(429, f"Too many failed attempts. Try again in {-(-wait // 60):.0f} minutes.", name)
        found = sign.passwords.check(name, password)
        if found is None:
            sign.attempts.failed(name, address)
            log.warning("a sign-in with a wrong name or password", extra=who)
            return _again(401, "Wrong name or password.", name)
        sign.attempts.succeeded(name, address)
        return sign.begin(User(name, Role(found.role), PASSWORD), digest(found.password_hash))

    @pages.get("/sign-in/link")
    def link() -> str:
        """Nothing happens here, since something may fetch the link before its user does."""
        return render_template(
            "link.html",
            title="Sign in",
            token=request.args.get("token", ""),
            next=local_path(request.args.get("next", "")),
        )

    @pages.post("/sign-in/link")
    def use_link() -> Response:
        address = request.remote_addr or ""
        if sign.by_proxy:
            raise Unauthorized(sign.missing)
        # A valid link works whatever others on this address tried: nobody can guess one, and with a limit
        # every program on this machine could keep its operator out.
        if not sign.links.use(request.form.get("token", "")[:200]):
            if sign.attempts.wait("", address):
                raise TooManyRequests("Too many failed attempts. Try again in 15 minutes.")
            sign.attempts.failed("", address)
            log.warning("a sign-in with a one-time link that is not valid", extra={"address": address})
            return _again(
                401, "This link was used before, or is older than an hour. Make a new one as shown below.", ""
            )
        return sign.begin(User(sign.operator, Role.ADMINISTRATOR, LINK))

    @pages.post("/sign-out")
    def end() -> Response:
        sign.sessions.end(request.cookies.get(sign.cookie_name(), ""))
        response = redirect(url_for("sign_in.form"), 303)
        secure = sign.is_secure()
        response.delete_cookie(sign.cookie_name(), path="/", secure=secure, httponly=True, samesite="Lax")
        return response

    def _form(wrong: str = "", name: str = "") -> str:
        return render_template(
            "sign_in.html",
            title="Sign in",
            wrong=wrong,
            name=name[:80],
            next=local_path(request.values.get("next", "")),
            with_password=sign.passwords.any,
        )

    def _again(status: int, wrong: str, name: str) -> Response:
        return make_response(_form(wrong, name), status)

    return pages
