"""HTTP with manners, for everything that huntbridge calls except AWS, which boto3 calls.

Every call has a deadline by the clock, from its first byte to the last byte of the answer. It verifies TLS,
follows no redirect, takes no credentials from `~/.netrc`, and reads no more of an answer than it was told. No
error that leaves here holds a URL's path, query or headers: for Teams and Slack the URL is the credential.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cache
from hashlib import sha256
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import certifi
import urllib3
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from shared import sockets
from shared.deadlines import DeadlineExceeded, remaining, within
from shared.sockets import BoundedConnection, TlsSocket

_CHUNK = 64 * 1024
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
    ) -> None:
        """`fingerprint`: the SHA-256 of the peer's certificate, hex; that certificate alone is trusted then,
        whatever its name. `ca_bundle`: a PEM file whose authorities alone are trusted. Timeouts are in
        seconds: `connect_timeout` until the connection stands, with TLS and through a proxy, and
        `read_timeout` for the whole answer. A budget (`shared.deadlines`) makes both shorter. `proxies`: what
        `urllib.request.getproxies_environment` returns, scheme to URL and under `no` the exceptions; a
        loopback host and a pinned peer are reached without one.

        Raises ValueError where the bundle cannot be read or the fingerprint is not one.
        """
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._max_body, self._proxies = max_body, dict(proxies or {})
        self._pin = _Pin(fingerprint) if fingerprint else None
        self._adapter = _Adapter(_bundle(ca_bundle) if ca_bundle and not self._pin else None)

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
        except _NoConnection as failure:
            failure = self._repinned(parts, failure)
            raise NetworkError(failure.kind, host, sent=False, detail=failure.detail) from None
        except (InvalidURL, InvalidSchema):
            raise NetworkError(
                "connect", host, sent=False, detail="the URL of the proxy cannot be used"
            ) from None
        except (RequestException, HTTPError, HTTPException, OSError) as error:
            kind, detail = _after_connect(error)
            raise NetworkError(kind, host, sent=True, detail=detail) from None

    def close(self) -> None:
        self._adapter.close()

    def _trust(self, parts: SplitResult) -> None:
        if self._pin and parts.scheme == "https":
            context = self._pin.context(parts.hostname or "", parts.port or 443, self._connect_timeout)
            self._adapter.trust(context, self._pin.fingerprint)

    def _repinned(self, parts: SplitResult, failure: _NoConnection) -> _NoConnection:
        """Of a pinned peer whose certificate was changed under us, say which one it shows now."""
        if not self._pin or failure.kind != "tls":
            return failure
        self._pin.forget()
        try:
            self._trust(parts)
        except _NoConnection as better:
            return better
        return failure

    def _proxies_for(self, parts: SplitResult) -> dict[str, str]:
        host = parts.hostname or ""
        direct = self._pin or is_loopback(host) or _excepted(host, self._proxies.get("no", ""))
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


def _excepted(host: str, exceptions: str) -> bool:
    """Whether `no_proxy` names the host: itself, a domain that it is in, a network, or `*` for all."""
    for entry in exceptions.lower().split(","):
        entry = entry.strip().lstrip(".")
        if entry == "*" or (entry and f".{host}".endswith(f".{entry}")):
            return True
        with suppress(ValueError):
            if ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
    return False


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


# --- trust ------------------------------------------------------------------------------------------------


@cache
def _public_authorities() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def _bundle(path: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"ca_bundle {path}: this is not a PEM file with certificates in it") from None
    except OSError as error:
        raise ValueError(f"ca_bundle {path}: it cannot be read ({error.strerror})") from None
    # The same on every Python: from 3.13 on one certificate of a chain is enough, and a private authority is
    # refused for an extension that it lacks.
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    return context


class _Pin:
    """One certificate, known by its SHA-256, as the only one that is trusted."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = re.sub(r"[\s:]", "", fingerprint).lower()
        if not re.fullmatch(r"[0-9a-f]{64}", self.fingerprint):
            raise ValueError("fingerprint: write the SHA-256 of the certificate, 64 hex digits")
        self._lock, self._context = threading.Lock(), None

    _context: ssl.SSLContext | None

    def context(self, host: str, port: int, timeout: float) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = self._anchor(host, port, timeout)
            return self._context

    def forget(self) -> None:
        with self._lock:
            self._context = None

    def _anchor(self, host: str, port: int, timeout: float) -> ssl.SSLContext:
        """Ask the peer for its certificate, nothing else, and trust it only if it is the pinned one."""
        try:
            with within(timeout):
                shown = _certificate_of(host, port, timeout)
        except OSError as error:
            raise _before_connect(error) from None
        seen = sha256(shown).hexdigest()
        if not hmac.compare_digest(seen, self.fingerprint):
            raise _NoConnection(
                "tls",
                f"its certificate has the fingerprint {seen}, and {self.fingerprint} was expected; "
                "if the certificate was renewed, check the new one and write its fingerprint",
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=shown)
        return context


def _certificate_of(host: str, port: int, timeout: float) -> bytes:
    """The certificate that the peer shows, in DER and not verified. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = TlsSocket
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        sockets.connect(host, port, limit=timeout) as sock,
        context.wrap_socket(sock, server_hostname=host) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


# --- connections ------------------------------------------------------------------------------------------


class _NoConnection(Exception):
    """Raised while connecting, when nothing of the request has been sent."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail


class _PlainConnection(BoundedConnection, urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise _before_connect(error) from None


class _TlsConnection(BoundedConnection, urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise _before_connect(error) from None


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
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager

    def build_connection_pool_key_attributes(
        self, request: PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, {}
        trust: dict[str, Any] = {"ssl_context": self._context or _public_authorities()}
        if self._fingerprint:
            # The pin is stronger than the name check, and urllib3 puts it in its place.
            trust["assert_fingerprint"] = self._fingerprint
        return host, trust

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: requests would add the public authorities to a context that trusts one certificate."""


_SELF_SIGNED = (18, 19, 20, 21)  # OpenSSL's X509_V_ERR_*
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64


def _before_connect(error: Exception) -> _NoConnection:
    """What went wrong before anything was sent."""
    if isinstance(error, NameResolutionError | LocationParseError | socket.gaierror):
        return _NoConnection("dns", "the name cannot be resolved")
    if isinstance(error, NewConnectionError | ConnectionRefusedError):
        return _NoConnection("connect", "no connection: nobody answers there, or the network keeps us out")
    if isinstance(error, ConnectTimeoutError):
        return _NoConnection("timeout", "no connection within the time that it was given")
    if isinstance(error, TimeoutError | ReadTimeoutError):
        return _NoConnection("timeout", "it took the connection and did not finish the TLS handshake")
    if isinstance(error, ssl.SSLError | urllib3.exceptions.SSLError):
        return _NoConnection("tls", _tls_detail(error))
    if str(error).startswith("Tunnel connection failed"):
        return _NoConnection("connect", "the proxy refused to connect us")
    if isinstance(error, ConnectionError):
        return _NoConnection("reset", "it closed the connection before anything was sent")
    return _NoConnection("connect", "no connection")


def _tls_detail(error: Exception) -> str:
    code = getattr(error, "verify_code", None)
    if code in _SELF_SIGNED:
        return (
            "its certificate is self-signed or from an authority that is not trusted here; give that "
            "authority (or the certificate itself) as ca_bundle, or pin the certificate by its fingerprint"
        )
    if code == _EXPIRED:
        return "its certificate has expired; have it renewed there"
    if code == _NOT_YET_VALID:
        return "its certificate is not valid yet; compare the clocks of the two machines"
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return "its certificate is for another name; use the name in the certificate, or pin its fingerprint"
    if isinstance(code, int):
        return f"its certificate cannot be verified ({getattr(error, 'verify_message', '')})"
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS on this port"
    return "the TLS handshake failed"


def _after_connect(error: Exception) -> tuple[str, str]:
    """Kind and detail of what went wrong once the request may have been sent."""
    causes = _causes(error)
    if any(isinstance(cause, TimeoutError | ReadTimeoutError) for cause in causes):
        return "timeout", "it did not answer within the time that it was given"
    if any(isinstance(cause, ssl.SSLError | urllib3.exceptions.SSLError) for cause in causes):
        return "tls", "the TLS connection broke after the request was sent"
    return "reset", "the connection broke before the answer was complete"


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what it wraps: requests and urllib3 keep the cause among the arguments."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)]
    return found
