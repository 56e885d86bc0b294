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
from console.context import ConsoleContext
from console.one_time_links import VALID_FOR
from console.sign_in import SignIn
from shared.config.listen import host_and_port, is_loopback_host
from shared.hosting.runtime import Runtime
from shared.local.listen import Listener

log = logging.getLogger(__name__)

LINK = "/sign-in/link"
OWN_THREADS = 4  # of a console with an address of its own
WITHIN = f"{VALID_FOR.total_seconds() / 60:.0f} minutes"

App = Callable[..., Any]


@dataclass(frozen=True)
class ServedConsole:
    app: App
    sign: SignIn
    own: str | None  # its own address; None: it is beside the webhooks

    def opened_by(self, url: str) -> str:
        """How to open the console, as a line for the terminal. `url`: the URL of its address."""
        if not self.sign.only_loopback:
            return f"the console is at {url}"
        link = f"{url}{LINK}?token={self.sign.links.new()}"
        return f"open the console with this link; it works once, within {WITHIN}: {link}"


def served_console(runtime: Runtime, data: Path, host: str, proxy: str | None) -> ServedConsole | None:
    """The console as it is configured; None if there is none. Raises CannotServe, with the reason."""
    config = runtime.config.console
    if not config.enabled:
        return None
    address = host_and_port(config.listen)[0] if config.listen else host
    check_address(config, address)
    try:
        tls = frozenset({proxy} if proxy else ())
        sign = sign_in(runtime, data, operator=operator(runtime), tls_proxies=tls)
    except OSError as error:
        raise CannotServe(f"{data}: {error.strerror}") from None
    if config.users and not is_loopback_host(address) and not proxy:
        log.warning(
            "passwords are sent unencrypted",
            extra={"reason": "no proxy with TLS is named: put one in front, and name it in --trusted-proxy"},
        )
    app = create_app(ConsoleContext(runtime, version("huntbridge"), checks=Checks(runtime, data)), sign)
    return ServedConsole(app, sign, config.listen)


def listener(app: App, address: str, proxy: str | None) -> Listener:
    """Answers at an address of its own. Raises Misused if it cannot be listened on."""
    host, port = host_and_port(address)
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
