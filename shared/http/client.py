"""HTTP with manners, for everything that huntbridge calls except AWS, which boto3 calls.

Every call has a deadline by the clock, from its first byte to the last byte of the answer. It verifies TLS,
follows no redirect, takes no credentials from `~/.netrc`, and reads no more of an answer than it was told. No
error that leaves here holds a URL's path, query or headers: for Teams and Slack the URL is the credential.
"""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import urllib3
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import HTTPError

from shared.http import trust
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.http.errors import NoConnection, after_connect, before_connect
from shared.http.proxies import excepted
from shared.http.sockets import BoundedConnection

_CHUNK = 64 * 1024
_PAGE = re.compile(
    r"[\s\ufeff]*(<!--.{0,1000}?-->\s*|<\?xml[^>]*>\s*)*"
    r"<(!doctype\s+html|html|head|body|meta|title|script|style|iframe|form|center|div|h1|p)\b",
    re.I | re.S,
)
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_LONGEST_WAIT = 86_400.0  # seconds: some senders answer Retry-After with the largest integer they know


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes
    truncated: bool = False  # the body was longer than `max_body`: the status counts, the body does not

    def json(self) -> Any:
        """Raises ValueError where the body is not JSON. A whole number that no 64 bits hold is None."""
        try:
            return json.loads(self.body, parse_int=_whole)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    @property
    def is_page(self) -> bool:
        """Whether it is a page for a browser, such as a proxy's sign-in page: no API answers so."""
        begin = self.body[:2_000].decode("utf-8", errors="replace")
        if _PAGE.match(begin):
            return True
        kind = next((value for name, value in self.headers.items() if name.lower() == "content-type"), "")
        return kind.strip().lower().startswith(_PAGE_TYPES) and "<" in begin


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) < 20 else None


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
        proxies: Mapping[str, str] | None = None,
        section: str = "",
        pinnable: bool = False,
    ) -> None:
        """`fingerprint`: the SHA-256 of the peer's certificate, hex; that certificate alone is trusted then,
        whatever its name. `ca_bundle`: a PEM file whose authorities alone are trusted. Timeouts are in
        seconds: `connect_timeout` until the connection stands, with TLS and through a proxy, and
        `read_timeout` for the whole answer. A budget (`shared.http.deadlines`) makes both shorter.
        `proxies`: what `urllib.request.getproxies_environment` returns, scheme to URL and under `no` the
        exceptions; a loopback host and a pinned peer are reached without one. `section` of the configuration
        has the keys that an error may advise: `ca_bundle`, and where the peer is `pinnable` also
        `fingerprint`.

        Raises ValueError where the bundle cannot be read or the fingerprint is not one.
        """
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._max_body, self._proxies = max_body, dict(proxies or {})
        section = f"{section}." if section else ""
        self._key_of = {"ca_bundle": f"{section}ca_bundle"}
        if pinnable:
            self._key_of["fingerprint"] = f"{section}fingerprint"
        self._pin = trust.Pin(fingerprint) if fingerprint else None
        self._adapter = _Adapter(
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
        """Any status is an answer, a redirect too. Raises NetworkError.

        `url` is sent as it is: nothing in it is decoded or encoded again (urllib3 writes `%2f` as `%2F`,
        which RFC 3986 §6.2.2.1 holds equal). `params` are appended; a list repeats its name, a None is left
        out. Raises ValueError for a URL or a header that cannot be sent.
        """
        parts = _checked(url)
        request = _prepare(method, _with_params(url, params), headers or {}, json, data)
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
            raise NetworkError("timeout", host, sent=False, detail="no time was left to call it") from None
        except NoConnection as failure:
            failure = self._repinned(parts, failure)
            raise NetworkError(failure.kind, host, sent=False, detail=failure.said(self._key_of)) from None
        except (InvalidURL, InvalidSchema):
            raise NetworkError(
                "connect", host, sent=False, detail="the URL of the proxy cannot be used"
            ) from None
        except (RequestException, HTTPError, HTTPException, OSError) as error:
            kind, detail = after_connect(error)
            raise NetworkError(kind, host, sent=True, detail=detail) from None

    def close(self) -> None:
        self._adapter.close()

    def _trust(self, parts: SplitResult) -> None:
        if self._pin and parts.scheme == "https":
            context = self._pin.context(parts.hostname or "", parts.port or 443, self._connect_timeout)
            self._adapter.trust(context, self._pin.fingerprint)

    def _repinned(self, parts: SplitResult, failure: NoConnection) -> NoConnection:
        """Of a pinned peer whose certificate was changed under us, say which one it shows now."""
        if not self._pin or failure.kind != "tls":
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


def host_of(url: str) -> str:
    """What of a URL may be shown: its scheme and host."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or an HTTP date), 0 to 24 hours; None where it is absent or
    nonsense. `now` is in seconds since 1970."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if re.fullmatch(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?", text):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


# --- what is sent -----------------------------------------------------------------------------------------


def _checked(url: str) -> SplitResult:
    """Raises ValueError, without the URL in it."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ValueError("this is not an http or https URL that can be called")
    if "@" in parts.netloc:
        raise ValueError("a URL with a user or a password in it is never called")
    return parts


def _with_params(url: str, params: Mapping[str, Any] | None) -> str:
    url = url.partition("#")[0]
    given = {name: _param(value) for name, value in (params or {}).items() if value is not None}
    if not given:
        return url
    return url + ("&" if "?" in url else "?") + urlencode(given, doseq=True)


def _param(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return [_param(one) for one in value] if isinstance(value, list | tuple) else value


def _prepare(
    method: str, url: str, headers: Mapping[str, str], content: Any, data: bytes | None
) -> PreparedRequest:
    if any(not re.fullmatch(r"[\t\x20-\x7e\xa0-\xff]*", value) for value in headers.values()):
        raise ValueError("a header holds a character that HTTP does not allow; look at the key or the token")
    head = {"User-Agent": "huntbridge", "Accept": "application/json", **headers}
    if content is not None:
        data = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
        head = {"Content-Type": "application/json", **head}
    request = PreparedRequest()
    try:
        request.prepare(method=method, url=url, headers=head, data=data)
    except RequestException:
        raise ValueError("this is not an http or https URL that can be called") from None
    request.url = url  # requests decodes and encodes parts of it, and a signed URL may not survive that
    return request


# --- connections ------------------------------------------------------------------------------------------


class _PlainConnection(BoundedConnection, urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise before_connect(error) from None


class _TlsConnection(BoundedConnection, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise before_connect(error) from None


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """requests' adapter with our trust, our connections and no retries."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context, self._fingerprint = context, None
        super().__init__(pool_connections=4, pool_maxsize=32, max_retries=0)

    _fingerprint: str | None

    def trust(self, context: ssl.SSLContext, fingerprint: str) -> None:
        self._context, self._fingerprint = context, fingerprint

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, proxy_ssl_context=trust.authorities(), **kwargs)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, {}
        trusted: dict[str, Any] = {"ssl_context": self._context or trust.authorities()}
        if self._fingerprint:
            # The pin is stronger than the name check, and urllib3 puts it in its place.
            trusted["assert_fingerprint"] = self._fingerprint
        return host, trusted

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: requests would add the public authorities to a context that trusts one certificate."""
