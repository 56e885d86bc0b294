"""Which hosts are reached without a proxy: NO_PROXY as Python's urllib reads it, and networks besides."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress

# A name or an address, with an optional port. An IPv6 address with a port is in brackets.
_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


def excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether `exceptions`, a list with commas, names the host. An entry is `*`, a host, a domain with or
    without a leading dot, or a network. A host or a domain with a port counts only for this port."""
    host = host.lower().rstrip(".")
    return any(_names(entry.strip(), host, port) for entry in exceptions.lower().split(","))


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with suppress(ValueError):  # an address is a network too
        network = ipaddress.ip_network(entry, strict=False)
        return ipaddress.ip_address(host) in network
    match = _ENTRY.fullmatch(entry)
    if match is None or (match["port"] and int(match["port"]) != port):
        return False
    if match["v6"] is not None:
        return _names(match["v6"], host, port)
    name = match["name"].strip(".")
    return bool(name) and f".{host}".endswith(f".{name}")
