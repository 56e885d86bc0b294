"""Puts the console together from a runtime and the folder that keeps its sessions."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from console.attempts import Attempts
from console.one_time_links import OneTimeLinks
from console.passwords import Passwords
from console.proxy_user import by_proxy
from console.sessions import Sessions
from console.sign_in import ByProxy, SignIn
from shared.config.console import ConsoleConfig, ConsoleProxyConfig
from shared.config.listen import is_loopback_host
from shared.hosting.runtime import Runtime


class CannotServe(Exception):
    """The console cannot be served as it is configured. The text says what to do."""


def sign_in(
    runtime: Runtime,
    folder: Path,
    *,
    operator: str,
    tls_proxies: frozenset[str] = frozenset(),
    config: ConsoleConfig | None = None,
) -> SignIn:
    """Make the sign-in from the section `console` of the configuration, or from `config` if it is given.

    `operator` is the name of a user who signs in by a one-time link. `tls_proxies` are the addresses of
    proxies that end TLS. Raises CannotServe, and OSError if the folder cannot be written.
    """
    config = config or runtime.config.console
    proxy = config.proxy
    return SignIn(
        now=runtime.now,
        sessions=Sessions(folder, timedelta(seconds=config.session), runtime.now),
        links=OneTimeLinks(folder, runtime.now),
        attempts=Attempts(runtime.now),
        passwords=Passwords(config.users),
        only_loopback=not config.users and proxy is None,
        operator=operator,
        hosts=frozenset(config.hosts),
        by_proxy=_by_proxy(runtime, proxy) if proxy else None,
        tls_proxies=tls_proxies | ({proxy.address} if proxy else set()),
    )


def check_address(config: ConsoleConfig, host: str) -> None:
    """Raises CannotServe if others could reach this address and nobody would ask them who they are."""
    if config.users or config.proxy or is_loopback_host(host):
        return
    raise CannotServe(
        f"others can reach {host}, and nothing says who may use the console: configure console.users "
        "(`huntbridge console password` makes a hash) or console.proxy, or write console.listen: "
        "127.0.0.1:8081, or console.enabled: false"
    )


def _by_proxy(runtime: Runtime, proxy: ConsoleProxyConfig) -> ByProxy:
    if proxy.jwt is None:
        return by_proxy(proxy)
    if not find_spec("jwt") or not find_spec("cryptography"):
        raise CannotServe("console.proxy.jwt needs further packages: pip install 'huntbridge[jwt]'")
    from console.signed_token import MAX_KEYS_BODY, verifier  # takes 0.1 s, and few configurations need it

    check = verifier(proxy.jwt, runtime.http(max_body=MAX_KEYS_BODY))
    return by_proxy(proxy, check, check.header)
