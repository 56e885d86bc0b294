"""Which certificates are trusted: the authorities of this machine, the authorities of a file, or one pin."""

from __future__ import annotations

import hmac
import logging
import os
import re
import ssl
import threading
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import certifi

from shared.http import sockets
from shared.http.deadlines import within
from shared.http.errors import NoConnection, TlsFailed, before_connect
from shared.http.sockets import TlsSocket

log = logging.getLogger(__name__)

# Where OpenSSL, requests and curl look for authorities. A proxy that inspects TLS has its authority there.
_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def authorities() -> ssl.SSLContext:
    """The public authorities, the authorities of this machine, and the ones that the environment names."""
    return _authorities(tuple((name, os.environ.get(name, "")) for name in _VARIABLES))


@lru_cache(maxsize=4)
def _authorities(named: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    # Lambda's system has the public authorities that certifi has, and reading them again takes 20 ms.
    if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ or os.environ.get("SSL_CERT_DIR"):
        context.load_default_certs()
    for name, path in named:
        try:
            if path and name != "SSL_CERT_DIR":  # may be several folders; OpenSSL has read them above
                is_folder = Path(path).is_dir()
                context.load_verify_locations(**{"capath" if is_folder else "cafile": path})
        except OSError as error:
            log.warning("certificates cannot be read", extra={"variable": name, "path": path, "error": error})
    return _as_on_every_python(context)


def bundle(path: str, key: str = "ca_bundle") -> ssl.SSLContext:
    """Only the authorities of one file. Raises ValueError; its text names the key of the configuration."""
    try:
        context = ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{key} {path}: this is not a PEM file with certificates in it") from None
    except OSError as error:
        raise ValueError(f"{key} {path}: it cannot be read ({error.strerror})") from None
    return _as_on_every_python(context)


def _as_on_every_python(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make every Python verify alike. From 3.13 on, one trusted certificate of a chain is enough by default,
    and a private authority is refused if it lacks an extension."""
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VerifyFlags.VERIFY_X509_STRICT
    return context


class Pin:
    """Trusts one certificate, which is known by its SHA-256, and no other. Raises ValueError for a malformed
    fingerprint."""

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = re.sub(r"[\s:]", "", fingerprint).lower()
        if not re.fullmatch(r"[0-9a-f]{64}", self.fingerprint):
            raise ValueError("fingerprint: write the SHA-256 of the certificate, 64 hex digits")
        self._lock, self._context = threading.Lock(), None

    _context: ssl.SSLContext | None

    def context(self, host: str, port: int, timeout: float) -> ssl.SSLContext:
        """The context that trusts the certificate. Raises NoConnection."""
        with self._lock:
            if self._context is None:
                self._context = self._anchor(host, port, timeout)
            return self._context

    def forget(self) -> None:
        """Ask the peer for its certificate again at the next connection."""
        with self._lock:
            self._context = None

    def _anchor(self, host: str, port: int, timeout: float) -> ssl.SSLContext:
        """Ask the peer for its certificate and nothing else. The certificate is trusted only if it is the
        pinned one."""
        try:
            with within(timeout):
                shown = _certificate_of(host, port, timeout)
        except OSError as error:
            raise before_connect(error) from None
        seen = sha256(shown).hexdigest()
        if not hmac.compare_digest(seen, self.fingerprint):
            raise NoConnection(
                TlsFailed,
                f"its certificate has the fingerprint {seen}, and {self.fingerprint} was expected; "
                "if the certificate was renewed, check the new one and write its fingerprint",
            )
        return _trusting(shown)


def certificate_end(host: str, port: int, timeout: float) -> datetime:
    """When the certificate that the peer presents ends. Raises OSError. Nothing is sent, and nothing is
    trusted because of this."""
    with within(timeout):
        context = _trusting(_certificate_of(host, port, timeout))
        context.sslsocket_class, context.check_hostname = TlsSocket, False
        with (
            sockets.connect(host, port, limit=timeout) as sock,
            context.wrap_socket(sock, server_hostname=host) as secure,
        ):
            shown = secure.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)


def fingerprint(host: str, port: int, timeout: float) -> str:
    """The SHA-256 of the certificate that the peer presents, in hex. Raises OSError. Nothing is trusted
    because of this."""
    with within(timeout):
        return sha256(_certificate_of(host, port, timeout)).hexdigest()


def _trusting(certificate: bytes) -> ssl.SSLContext:
    """A context that trusts this certificate alone, given in DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def _certificate_of(host: str, port: int, timeout: float) -> bytes:
    """The certificate that the peer presents, in DER. Raises OSError.

    This connection reads the certificate and sends no request. The caller compares the certificate with the
    pin, and every request goes over a connection that trusts only the pinned certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = TlsSocket
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        sockets.connect(host, port, limit=timeout) as sock,
        context.wrap_socket(sock, server_hostname=host) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""
