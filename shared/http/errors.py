"""Why a peer gave no answer, in words for a person; from the errors of urllib3, requests and ssl."""

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


class NoConnection(Exception):
    """Raised while connecting, when nothing of the request has been sent. `advice`: what to do about it, by
    the key of the configuration that does it."""

    def __init__(self, kind: str, detail: str, advice: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind, self._detail, self._advice = kind, detail, advice or {}

    def said(self, key_of: Mapping[str, str]) -> str:
        """In words, with the advice for which this peer has a key."""
        advice = [text.format(key_of.get(key)) for key, text in self._advice.items() if key in ("", *key_of)]
        return self._detail + (f"; {', or '.join(advice)}" if advice else "")


def before_connect(error: Exception) -> NoConnection:
    """The error that occurred before anything was sent."""
    if isinstance(error, NameResolutionError | LocationParseError | socket.gaierror):
        return NoConnection("dns", "the name cannot be resolved")
    if isinstance(error, NewConnectionError | ConnectionRefusedError):
        return NoConnection("connect", "no connection: nobody answers there, or the network keeps us out")
    if isinstance(error, ConnectTimeoutError):
        return NoConnection("timeout", "no connection within the time that it was given")
    if isinstance(error, TimeoutError | ReadTimeoutError):
        return NoConnection(
            "timeout",
            "it took the connection; the TLS handshake, or the proxy's answer, did not come in time",
        )
    if isinstance(error, ssl.SSLError | urllib3.exceptions.SSLError):
        return _tls(error)
    if str(error).startswith("Tunnel connection failed"):
        return NoConnection("connect", "the proxy refused to connect us")
    if isinstance(error, ConnectionError):
        return NoConnection("reset", "it closed the connection before anything was sent")
    return NoConnection("connect", "no connection")


def _tls(error: Exception) -> NoConnection:
    code = getattr(error, "verify_code", None)
    if code in _SELF_SIGNED:
        advice = {
            "ca_bundle": "write the file of that authority as {}",
            "": "add the authority to those that this machine trusts (SSL_CERT_FILE)",
            "fingerprint": "pin the certificate by {}",
        }
        return NoConnection(
            "tls",
            "its certificate is self-signed or from an authority that is not trusted here",
            advice,
        )
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        advice = {"": "use the name in the certificate", "fingerprint": "pin the certificate by {}"}
        return NoConnection("tls", "its certificate is for another name", advice)
    return NoConnection("tls", _tls_detail(error, code))


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


def after_connect(error: Exception) -> tuple[str, str]:
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
