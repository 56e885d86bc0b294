"""Why a peer gave no answer: one class for each kind of failure, with a text for a person.

The errors of urllib3, requests and ssl are translated here.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

_SELF_SIGNED = (18, 19, 20, 21)  # OpenSSL's X509_V_ERR_*
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64


class NetworkError(Exception):
    """The peer gave no complete answer. `sent`: the request may have reached the peer, and it is not known
    whether it was carried out."""

    def __init__(self, host: str, *, sent: bool, detail: str = "no answer") -> None:
        super().__init__(f"{host}: {detail}")
        self.host, self.sent = host, sent


class UnknownHost(NetworkError):
    """The name cannot be resolved."""


class ConnectFailed(NetworkError):
    """Nothing listens there, or the network or a proxy does not let the connection through."""


class TlsFailed(NetworkError):
    """The certificate does not verify, or the TLS handshake failed. Waiting does not repair this."""


class TimedOut(NetworkError):
    """The connection or the answer was not complete in time."""


class ConnectionBroken(NetworkError):
    """The peer closed the connection, or its answer is not HTTP."""


class NoConnection(Exception):
    """Raised inside urllib3 while it connects, before anything of the request is sent. `kind` is the class of
    the error for the caller. `advice` says what to do, by the key of the configuration that does it."""

    def __init__(
        self, kind: type[NetworkError], detail: str, advice: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind, self._detail, self._advice = kind, detail, advice or {}

    def text(self, key_of: Mapping[str, str]) -> str:
        """The detail, with the advice for which this peer has a key."""
        advice = [text.format(key_of.get(key)) for key, text in self._advice.items() if key in ("", *key_of)]
        return self._detail + (f"; {', or '.join(advice)}" if advice else "")


def before_connect(error: Exception) -> NoConnection:
    """The error that occurred before anything was sent."""
    if isinstance(error, NameResolutionError | LocationParseError | socket.gaierror):
        return NoConnection(UnknownHost, "the name cannot be resolved")
    if isinstance(error, NewConnectionError | ConnectionRefusedError):
        return NoConnection(ConnectFailed, "no connection: nobody answers there, or the network keeps us out")
    if isinstance(error, ConnectTimeoutError):
        return NoConnection(TimedOut, "no connection within the time that it was given")
    if isinstance(error, TimeoutError | ReadTimeoutError):
        return NoConnection(
            TimedOut,
            "it took the connection; the TLS handshake, or the proxy's answer, did not come in time",
        )
    if isinstance(error, ssl.SSLError | urllib3.exceptions.SSLError):
        return _tls(error)
    if str(error).startswith("Tunnel connection failed"):
        return NoConnection(ConnectFailed, "the proxy refused to connect us")
    if isinstance(error, ConnectionError):
        return NoConnection(ConnectionBroken, "it closed the connection before anything was sent")
    return NoConnection(ConnectFailed, "no connection")


def _tls(error: Exception) -> NoConnection:
    code = getattr(error, "verify_code", None)
    if code in _SELF_SIGNED:
        advice = {
            "ca_bundle": "write the file of that authority as {}",
            "": "add the authority to those that this machine trusts (SSL_CERT_FILE)",
            "fingerprint": "pin the certificate by {}",
        }
        return NoConnection(
            TlsFailed,
            "its certificate is self-signed or from an authority that is not trusted here",
            advice,
        )
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        advice = {"": "use the name in the certificate", "fingerprint": "pin the certificate by {}"}
        return NoConnection(TlsFailed, "its certificate is for another name", advice)
    return NoConnection(TlsFailed, _tls_detail(error, code))


def _tls_detail(error: Exception, code: object) -> str:
    if code == _EXPIRED:
        return "its certificate has expired; have it renewed there"
    if code == _NOT_YET_VALID:
        return "its certificate is not valid yet; compare the clocks of the two machines"
    if isinstance(code, int):
        return f"its certificate cannot be verified ({getattr(error, 'verify_message', '')})"
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":
        return "it does not speak TLS on this port"
    return "the TLS handshake failed"


def after_connect(error: Exception, host: str) -> NetworkError:
    """The error that occurred when the request may have been sent."""
    causes = _causes(error)
    if any(isinstance(cause, TimeoutError | ReadTimeoutError) for cause in causes):
        return TimedOut(host, sent=True, detail="it did not answer within the time that it was given")
    if any(isinstance(cause, ssl.SSLError | urllib3.exceptions.SSLError) for cause in causes):
        return TlsFailed(host, sent=True, detail="the TLS connection broke after the request was sent")
    return ConnectionBroken(host, sent=True, detail="the connection broke before the answer was complete")


def _causes(error: BaseException) -> list[BaseException]:
    """An error and the errors that it wraps. requests and urllib3 keep the cause among the arguments."""
    causes: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        candidate = waiting.pop()
        if isinstance(candidate, BaseException) and candidate not in causes:
            causes.append(candidate)
            waiting += [
                *candidate.args,
                candidate.__cause__,
                candidate.__context__,
                getattr(candidate, "reason", None),
            ]
    return causes
