"""Checks the URLs of a configuration. A URL must be https; http is accepted only for this machine.

No error message repeats a URL.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from shared.config.tokens import IN_QUOTES, in_quotes


def https_url(text: str, *, path: Literal["none", "api", "any"] = "none") -> str:
    """The URL with its host in lower case and without trailing slashes.

    `path` says which path the URL may have: none, any, or the path of the platform's API (`/api/v2` or
    `/api/v3`), which is removed. Raises ValueError with a sentence for the user."""
    parts = split_url(text)
    if parts.scheme == "http" and not is_loopback(parts):
        raise ValueError("must be https; http is only for this machine (127.0.0.1, ::1, localhost)")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("must end with the host or path: remove what begins with ? or #")
    rest = parts.path.rstrip("/")
    if path == "api" and rest in ("/api/v2", "/api/v3"):
        rest = ""
    if rest and path != "any":
        raise ValueError("must end with the host: remove the path")
    return f"{parts.scheme}://{parts.netloc.lower()}{rest}"


def split_url(text: str) -> SplitResult:
    """The parts of an http or https URL. Raises ValueError unless it has a valid host and port and no
    credentials."""
    if in_quotes(text):
        raise ValueError(IN_QUOTES)
    if not text.isascii() or any(c <= " " or c in '\\"<>`\x7f' for c in text):
        raise ValueError("holds a space or another character that no URL has")
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError unless it is a number up to 65535
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("must begin with https://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    if not re.fullmatch(
        r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?)(:[0-9]+)?", parts.netloc
    ):
        raise ValueError("has no host")
    return parts


def is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback if isinstance(address, IPv4Address) else address == IPv6Address("::1")
