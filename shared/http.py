"""HTTP with manners, for everything that huntbridge calls except Slack (slack-sdk brings its own).

Every call has a connect and a read timeout, verifies TLS, follows no redirect, takes no credentials from
`~/.netrc`, and reads no more of an answer than it was told. No error that leaves here holds a URL's path,
query or headers: for Teams and Slack the URL is the credential.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes

    def json(self) -> Any:
        """Raises ValueError where the body is not JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


class NetworkError(Exception):
    """No answer. `kind` is dns, connect, tls, timeout or reset; `sent` says whether the request may have
    reached the other side, and then nobody knows whether it was carried out."""

    def __init__(self, kind: str, host: str, *, sent: bool, detail: str = "") -> None:
        super().__init__(f"{host}: {detail or kind}")
        self.kind, self.host, self.sent = kind, host, sent


class Http:
    """One per peer: it keeps connections open. Safe to use from several threads."""

    def __init__(
        self,
        *,
        connect_timeout: float = 5,
        read_timeout: float = 20,
        ca_bundle: str | None = None,
        fingerprint: str | None = None,
        max_body: int = 8 * 1024 * 1024,
    ) -> None:
        """`fingerprint`: the SHA-256 of the peer's certificate, hex; that certificate alone is trusted then."""
        raise NotImplementedError

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: bytes | None = None,
        read_timeout: float | None = None,
    ) -> Answer:
        """Any status is an answer. Raises NetworkError. `url` is sent byte-exact, `params` appended."""
        raise NotImplementedError


def host_of(url: str) -> str:
    """What of a URL may be shown: its scheme and host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or an HTTP date); None where it is absent or nonsense."""
    raise NotImplementedError
