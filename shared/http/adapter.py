"""The connections of `requests`, with our trust, our bounded sockets and no retries."""

from __future__ import annotations

import ssl
from typing import Any

import urllib3
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from shared.http import trust
from shared.http.errors import before_connect
from shared.http.sockets import BoundedConnection


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


class Adapter(HTTPAdapter):
    """The adapter of `requests` for one peer."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context, self._fingerprint = context, None
        super().__init__(pool_connections=4, pool_maxsize=96, max_retries=0)

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
            # urllib3 checks the pin in place of the name; the pin is the stronger check.
            trusted["assert_fingerprint"] = self._fingerprint
        return host, trusted

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """Only the status, the headers and the stream, which are all that `Http` reads."""
        response = Response()
        response.status_code, response.raw, response.request = resp.status, resp, req
        response.headers = CaseInsensitiveDict(resp.headers)
        return response

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Does nothing, because requests would add the public authorities to a context that trusts one
        certificate."""
