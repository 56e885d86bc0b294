"""Puts the console together from a runtime and the folder that keeps its sessions."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from console.attempts import Attempts
from console.one_time_links import OneTimeLinks
from console.passwords import Passwords
from console.sessions import Sessions
from console.sign_in import SignIn
from shared.hosting.runtime import Runtime


def sign_in(
    runtime: Runtime, folder: Path, *, operator: str, tls_proxies: frozenset[str] = frozenset()
) -> SignIn:
    """Who may use the console, by its configuration. `operator` is whoever comes by a one-time link. Raises
    OSError if the folder cannot be written."""
    config = runtime.config.console
    return SignIn(
        now=runtime.now,
        sessions=Sessions(folder, timedelta(seconds=config.session), runtime.now),
        links=OneTimeLinks(folder, runtime.now),
        attempts=Attempts(runtime.now),
        passwords=Passwords(config.users),
        only_loopback=not config.users and config.proxy is None,
        operator=operator,
        tls_proxies=tls_proxies | ({config.proxy.address} if config.proxy else set()),
    )
