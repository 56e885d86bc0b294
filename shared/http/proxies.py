"""Which hosts are reached without the proxy: NO_PROXY, as Python's urllib reads it, and networks as well."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress

# A name or an address, and a port where one is given. An IPv6 address with a port stands in brackets.
_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


def excepted(host: str, port: int, exceptions: str) -> bool:
    """Whether `exceptions`, a list with commas, names the host: `*`, the host, a domain that it is in (with a
    leading dot or without), a network; each but a network for one port alone where it names one."""
    host = host.lower().rstrip(".")
    return any(_names(entry.strip(), host, port) for entry in exceptions.lower().split(","))


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with suppress(ValueError):  # an address is a network of one
        network = ipaddress.ip_network(entry, strict=False)
        return ipaddress.ip_address(host) in network
    found = _ENTRY.fullmatch(entry)
    if found is None or (found["port"] and int(found["port"]) != port):
        return False
    if found["v6"] is not None:
        return _names(found["v6"], host, port)
    name = found["name"].strip(".")
    return bool(name) and f".{host}".endswith(f".{name}")
