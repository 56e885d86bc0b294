"""Whom a reverse proxy names as the user: in a header of its own, or in a signed token.

Only the address of the configuration is believed. In front of it everybody may write any header.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from werkzeug.datastructures import Headers
from werkzeug.exceptions import Forbidden

from console.identity import Role, User
from shared.config.console import ConsoleProxyConfig

log = logging.getLogger(__name__)

_MAX_NAME = 200  # characters


class NotTrusted(Exception):
    """The token names nobody who can be believed. The text says why, and does not repeat the token."""


def by_proxy(
    proxy: ConsoleProxyConfig, token: Callable[[str], str] | None = None, token_header: str = ""
) -> Callable[[Headers, str], User | None]:
    """Tells the user of a request from its headers and the address at the other end of its connection.
    `token` returns the name in a signed token, which is in `token_header`, or raises NotTrusted."""

    def user(headers: Headers, peer: str) -> User | None:
        if _plain(peer) != _plain(proxy.address):
            log.warning("a request did not come from the console's proxy", extra={"address": peer})
            raise Forbidden("This console answers only through its proxy.")
        try:
            name = _name(headers, token, token_header)
        except NotTrusted as reason:
            log.warning("the console's proxy names no user", extra={"reason": reason})
            return None
        role = proxy.roles.get(name, proxy.default_role)
        if role is None:
            log.warning("a user has no role in console.proxy.roles", extra={"user": name})
            return None
        return User(name, Role(role), "the proxy")

    def _name(headers: Headers, token: Callable[[str], str] | None, token_header: str) -> str:
        value = _single(headers, token_header if token else proxy.header or "")
        name = token(value) if token else value
        if not name or len(name) > _MAX_NAME or not name.isprintable() or name != name.strip():
            raise NotTrusted("the name is empty, too long, or has characters that cannot be seen")
        return name

    return user


def _single(headers: Headers, header: str) -> str:
    values = headers.getlist(header)
    # Servers join a header that was sent twice with a comma, and the first one may be the client's.
    if len(values) != 1 or "," in values[0]:
        raise NotTrusted(f"there must be one header {header} with one value")
    return values[0].strip(" \t")


def _plain(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(parsed)
