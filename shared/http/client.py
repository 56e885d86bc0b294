"""HTTP for everything that huntbridge calls, except AWS: boto3 makes those calls.

Each call has a wall-clock deadline, from its first byte to the last byte of the answer. It verifies TLS,
follows no redirect, reads no credentials from `~/.netrc`, and reads at most `max_body` bytes of an answer. No
error holds a URL's path, query or headers, because the URLs of Teams and Slack are credentials.
"""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult

from requests import PreparedRequest, RequestException, Response
from requests.exceptions import InvalidSchema, InvalidURL
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from shared.http import trust
from shared.http.adapter import Adapter
from shared.http.answers import Answer
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.http.errors import ConnectFailed, NoConnection, TimedOut, TlsFailed, after_connect
from shared.http.proxies import excepted
from shared.http.urls import checked, is_loopback, with_params

_CHUNK = 64 * 1024
_HEADER = re.compile(r"(?![\t ])[\t\x20-\x7e\xa0-\xff]*")


class Http:
    """The client for one peer; it keeps connections open. Safe to use from several threads."""

    def __init__(
        self,
        *,
        connect_timeout: float = 5,
        read_timeout: float = 20,
        ca_bundle: str | None = None,
        fingerprint: str | None = None,
        max_body: int = 8 * 1024 * 1024,
        proxies: Mapping[str, str] | None = None,
        section: str = "",
        pinnable: bool = False,
    ) -> None:
        """`fingerprint`: the SHA-256 of the peer's certificate, in hex. With it, only this certificate is
        trusted, whatever name it has. `ca_bundle`: a PEM file. With it, only its authorities are trusted.
        Timeouts are in seconds: `connect_timeout` for connecting, including the proxy and the TLS handshake,
        `read_timeout` for the whole answer. A budget (`shared.http.deadlines`) makes both shorter. `proxies`:
        the result of `urllib.request.getproxies_environment`, which maps a scheme to a URL and `no` to the
        exceptions; a loopback host and a pinned peer are reached without a proxy. `section`: the section of
        the configuration that has the key `ca_bundle`, and `fingerprint` if the peer is `pinnable`. Errors
        advise these keys.

        Raises ValueError if the bundle cannot be read or the fingerprint is malformed.
        """
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._max_body, self._proxies = max_body, dict(proxies or {})
        section = f"{section}." if section else ""
        self._key_of = {"ca_bundle": f"{section}ca_bundle"}
        if pinnable:
            self._key_of["fingerprint"] = f"{section}fingerprint"
        self._pin = trust.Pin(fingerprint) if fingerprint else None
        self._adapter = Adapter(
            trust.bundle(ca_bundle, f"{section}ca_bundle") if ca_bundle and not self._pin else None
        )

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
        """The answer, whatever its status; a redirect is an answer too. Raises NetworkError.

        `url` is sent as it is: nothing in it is decoded or encoded again (urllib3 writes `%2f` as `%2F`,
        which RFC 3986 §6.2.2.1 holds equal). `params` are appended: a list repeats its name, None is left
        out. Raises ValueError for a URL or a header that cannot be sent.
        """
        parts = checked(url)
        request = _prepare(method, with_params(url, params), headers or {}, json, data)
        timeout = (self._connect_timeout, self._read_timeout if read_timeout is None else read_timeout)
        host = parts.netloc
        try:
            with within(remaining(sum(timeout))):
                self._trust(parts)
                response = self._adapter.send(
                    request, stream=True, timeout=timeout, proxies=self._proxies_for(parts)
                )
                return self._read(response)
        except DeadlineExceeded:
            raise TimedOut(host, sent=False, detail="no time was left to call it") from None
        except NoConnection as failure:
            failure = self._repinned(parts, failure)
            raise failure.kind(host, sent=False, detail=failure.text(self._key_of)) from None
        except (InvalidURL, InvalidSchema):
            raise ConnectFailed(host, sent=False, detail="the URL of the proxy cannot be used") from None
        except (RequestException, HTTPError, HTTPException, OSError) as error:
            raise after_connect(error, host) from None

    def certificate_end(self, url: str) -> datetime | None:
        """When the peer's certificate ends; None without TLS or through a proxy. Raises NetworkError."""
        parts = checked(url)
        if parts.scheme != "https" or self._proxies_for(parts).get("https"):
            return None
        try:
            return trust.certificate_end(parts.hostname or "", parts.port or 443, self._connect_timeout)
        except OSError as error:
            raise after_connect(error, parts.netloc) from None

    def certificate_fingerprint(self, url: str) -> str:
        """The SHA-256 of the certificate that the peer of an https URL presents, in hex. Nothing is trusted
        because of this. Raises NetworkError."""
        parts = checked(url)
        try:
            return trust.fingerprint(parts.hostname or "", parts.port or 443, self._connect_timeout)
        except OSError as error:
            raise after_connect(error, parts.netloc) from None

    def close(self) -> None:
        self._adapter.close()

    def _trust(self, parts: SplitResult) -> None:
        if self._pin and parts.scheme == "https":
            context = self._pin.context(parts.hostname or "", parts.port or 443, self._connect_timeout)
            self._adapter.trust(context, self._pin.fingerprint)

    def _repinned(self, parts: SplitResult, failure: NoConnection) -> NoConnection:
        """The same failure. If a pinned peer has replaced its certificate, a failure that names the
        fingerprint of the new one."""
        if not self._pin or failure.kind is not TlsFailed:
            return failure
        self._pin.forget()
        try:
            self._trust(parts)
        except NoConnection as better:
            return better
        return failure

    def _proxies_for(self, parts: SplitResult) -> dict[str, str]:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        direct = self._pin or is_loopback(host) or excepted(host, port, self._proxies.get("no", ""))
        return {} if direct else self._proxies

    def _read(self, response: Response) -> Answer:
        """The body, at most `max_body` bytes of it."""
        body = bytearray()
        try:
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_body:
                    break
            truncated = len(body) > self._max_body
            return Answer(response.status_code, response.headers, bytes(body[: self._max_body]), truncated)
        finally:
            response.close()


def _prepare(
    method: str, url: str, headers: Mapping[str, str], json: Any, data: bytes | None
) -> PreparedRequest:
    """The request as it is sent. `PreparedRequest.prepare` would take a quarter of the call, and would decode
    and encode parts of the URL, which breaks a signed one."""
    if not all(map(_HEADER.fullmatch, headers.values())):
        raise ValueError("a header holds a character that HTTP does not allow; look at the key or the token")
    head = {"User-Agent": "huntbridge", "Accept": "application/json", **headers}
    if json is not None:
        data = jsonlib.dumps(json, separators=(",", ":"), allow_nan=False).encode()
        head = {"Content-Type": "application/json", **head}
    if data is not None or method not in ("GET", "HEAD"):
        head["Content-Length"] = str(len(data or b""))
    request = PreparedRequest()
    request.method, request.url, request.body = method, url, data
    request.headers = CaseInsensitiveDict(head)
    return request
