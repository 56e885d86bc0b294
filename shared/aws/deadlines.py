"""Deadlines for all calls of botocore: to AWS, and to the sources of credentials (the metadata service of an
instance or a container, STS).

botocore's timeouts start again with each byte, and its retries and pauses are not counted. Importing this
module gives every connection of botocore bounded sockets. `bound` limits the whole time of each call.
"""

from __future__ import annotations

import os
import re
from typing import Any

import certifi
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.exceptions import BotoCoreError, CredentialRetrievalError, ResponseStreamingError
from botocore.parsers import ResponseParserError
from botocore.session import Session
from urllib3.exceptions import HTTPError

from shared.http import trust
from shared.http.deadlines import DeadlineExceeded, remaining, within
from shared.http.sockets import BoundedConnection


class NoTimeLeft(BotoCoreError):  # type: ignore[misc]
    """The budget was used up before the call was sent."""


class NotUnderstood(BotoCoreError):  # type: ignore[misc]
    """The answer is not from AWS, or has a form that this version does not know."""


# The exceptions that reading an answer of an undocumented shape raises.
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)

_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)


class _Plain(BoundedConnection, AWSHTTPConnection): ...  # type: ignore[misc]


class _Tls(BoundedConnection, AWSHTTPSConnection):  # type: ignore[misc]
    def connect(self) -> None:
        """Verify by the same authorities as every other peer, unless AWS_CA_BUNDLE names others."""
        if self.ca_certs in (certifi.where(), os.environ.get("REQUESTS_CA_BUNDLE")):
            self.ssl_context, self.ca_certs = trust.authorities(), None
        super().connect()


# botocore makes sessions of its own for credentials. No option reaches these, so the pools are changed.
AWSHTTPConnectionPool.ConnectionCls = _Plain
AWSHTTPSConnectionPool.ConnectionCls = _Tls


def bound(session: Session, seconds: float) -> None:
    """Limit each call of the session's clients to `seconds` in all, with its retries and their pauses. An
    outer budget that ends earlier still counts."""

    class Bounded:
        def _make_api_call(self, operation_name: str, api_params: Any) -> Any:
            try:
                with within(seconds):
                    return super()._make_api_call(operation_name, api_params)  # type: ignore[misc]
            except DeadlineExceeded:
                raise NoTimeLeft from None
            except BotoCoreError:
                raise
            except (ResponseParserError, *ODD) as error:
                raise NotUnderstood from error
            except HTTPError as error:  # botocore lets this pass if S3 sends a refusal as a stream
                raise ResponseStreamingError(error=error) from error
            except RuntimeError as error:
                if "credentials" not in str(error):
                    raise
                # botocore raises this if the renewed credentials have expired too.
                raise CredentialRetrievalError(provider="this machine", error_msg=str(error)) from error

    def extend(base_classes: list[type], **_: Any) -> None:
        base_classes.insert(0, Bounded)

    session.register("creating-client-class", extend)
    session.register("before-send", _before_send)
    session.register("needs-retry", _before_retry)
    session.register("before-parse", _before_parse)


def _before_send(**_: Any) -> None:
    """Send nothing if no time is left. botocore does not repeat a call that fails in this way."""
    remaining(1)


def _before_retry(caught_exception: Exception | None = None, **_: Any) -> None:
    """If no time is left, fail without the pause before the next attempt."""
    try:
        remaining(1)
    except DeadlineExceeded:
        if caught_exception is not None:
            raise caught_exception from None


def _before_parse(response_dict: dict[str, Any], **_: Any) -> None:
    """Refuse a proxy's page. botocore takes a page with status 200 for an answer without content."""
    body = response_dict["body"]  # an object of S3 is a stream, and may be a page
    if response_dict["status_code"] < 300 and isinstance(body, bytes) and _PAGE.match(body):
        raise NotUnderstood
