"""The console of `serve`: where it answers, who may use it, and how it is opened."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cli.check import Checks
from cli.exit_codes import Misused
from cli.operator import operator
from console.app import MAX_FORM, create_app
from console.assemble import CannotServe, check_address, sign_in
from console.beside import beside, is_page
from console.context import ConsoleContext
from console.one_time_links import VALID_FOR
from console.sign_in import SignIn
from shared.config.listen import host_and_port, is_loopback_host
from shared.hosting.runtime import Runtime
from shared.local.listen import Listener
from shared.local.web_threads import Pages

log = logging.getLogger(__name__)

LINK = "/sign-in/link"
OWN_THREADS = 4  # of a console with an address of its own
WITHIN = f"{VALID_FOR.total_seconds() / 60:.0f} minutes"

App = Callable[..., Any]


@dataclass(frozen=True)
class ServedConsole:
    app: App
    sign: SignIn
    listener: Listener | None  # its own; None: it is beside the webhooks

    def beside(self, webhooks: App) -> App:
        """What the address of the webhooks answers."""
        return webhooks if self.listener else beside(webhooks, self.app)

    @property
    def pages(self) -> Pages | None:
        """The requests that must not take threads from the webhooks."""
        return None if self.listener else Pages(is_page)

    def opened_by(self, web: str) -> str:
        """How to open the console, as a line for the terminal. `web`: the URL of the webhooks' address."""
        url = f"http://{self._address()}" if self.listener else web
        if not self.sign.only_loopback:
            return f"the console is at {url}"
        link = f"{url}{LINK}?token={self.sign.links.new()}"
        return f"open the console with this link; it works once, within {WITHIN}: {link}"

    def _address(self) -> str:
        assert self.listener is not None
        host, port = self.listener.host, self.listener.port
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def served_console(runtime: Runtime, data: Path, host: str, proxy: str | None) -> ServedConsole | None:
    """The console as it is configured; None if there is none. If it cannot be served, the log says why, and
    the webhooks are served all the same. Raises Misused if its own address cannot be listened on."""
    config = runtime.config.console
    if not config.enabled:
        return None
    own = host_and_port(config.listen) if config.listen else None
    address = own[0] if own else host
    try:
        check_address(config, address)
        tls = frozenset({proxy} if proxy else ())
        sign = sign_in(runtime, data, operator=operator(runtime), tls_proxies=tls)
    except CannotServe as error:
        log.error("the console is not served", extra={"reason": error})
        return None
    except OSError as error:
        log.error("the console is not served", extra={"reason": f"{data}: {error.strerror}"})
        return None
    if config.users and not is_loopback_host(address) and not proxy:
        log.warning(
            "passwords are sent unencrypted",
            extra={"reason": "no proxy with TLS is named: put one in front, and name it in --trusted-proxy"},
        )
    app = create_app(ConsoleContext(runtime, version("huntbridge"), checks=Checks(runtime, data)), sign)
    return ServedConsole(app, sign, _listener(app, *own, proxy) if own else None)


def _listener(app: App, host: str, port: int, proxy: str | None) -> Listener:
    try:
        return Listener(
            app,
            host,
            port,
            max_body=MAX_FORM,
            proxy=proxy,
            on_refusal=lambda *_: None,
            threads=OWN_THREADS,
        )
    except OSError as error:
        raise Misused(f"console.listen: {host}:{port} cannot be listened on: {error.strerror}") from None
