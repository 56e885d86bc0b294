"""The address and port that a listener is configured with."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

_FORM = "write an address and a port, such as 127.0.0.1:9464 or [::1]:9464"


def host_and_port(text: str) -> tuple[str, int]:
    """Raises ValueError unless the text is an address and a port."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise ValueError(_FORM)
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError(f"an IPv6 address stands in brackets: {_FORM}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def is_loopback(text: str) -> bool:
    """Whether only this machine reaches a listener with this address and port."""
    host, _ = host_and_port(text)
    return is_loopback_host(host)


def is_loopback_host(host: str) -> bool:
    """The same for an address without a port."""
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return host == "localhost"


def _check(text: str) -> str:
    host_and_port(text)
    return text


Listen = Annotated[str, AfterValidator(_check), Field(json_schema_extra={"pattern": r"^.+:[0-9]{1,5}$"})]
