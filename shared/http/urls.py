"""URLs: which ones may be called, how parameters are appended, and what of a URL may be shown."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit


def host_of(url: str) -> str:
    """The scheme and host of a URL. The rest may be secret and is not shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


@lru_cache(maxsize=64)  # every request asks, about few hosts
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def checked(url: str) -> SplitResult:
    """The parts of a URL that may be called. Raises ValueError; its text does not hold the URL."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or "."
        usable = parts.scheme in ("http", "https") and host[0] not in ".*" and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ValueError("this is not an http or https URL that can be called")
    if "@" in parts.netloc:
        raise ValueError("a URL with a user or a password in it is never called")
    return parts


def with_params(url: str, params: Mapping[str, Any] | None) -> str:
    """The URL with the parameters appended and without its fragment. What is in the URL stays as it is."""
    url = url.partition("#")[0]
    query = {name: _param(value) for name, value in (params or {}).items() if value is not None}
    if not query:
        return url
    return url + ("&" if "?" in url else "?") + urlencode(query, doseq=True)


def _param(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return [_param(item) for item in value] if isinstance(value, list | tuple) else value
