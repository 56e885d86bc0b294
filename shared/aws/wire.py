"""Deadlines for everything that botocore calls: AWS, and where it reads credentials (the metadata service of
an instance or a container, STS).

botocore's timeouts count from byte to byte, and its retries and pauses come on top. Importing this module
gives every connection of botocore bounded sockets; `bound` gives every call of a session a time in all.
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


# The exceptions that an answer of an undocumented shape causes while it is read.
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)

_PAGE = re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE)


class _Plain(BoundedConnection, AWSHTTPConnection): ...  # type: ignore[misc]


class _Tls(BoundedConnection, AWSHTTPSConnection):  # type: ignore[misc]
    def connect(self) -> None:
        """With the authorities that every other peer is verified by, unless AWS_CA_BUNDLE names others."""
        if self.ca_certs in (certifi.where(), os.environ.get("REQUESTS_CA_BUNDLE")):
            self.ssl_context, self.ca_certs = trust.authorities(), None
        super().connect()


# botocore makes sessions of its own for credentials, which no option reaches: so it is set on the pools.
AWSHTTPConnectionPool.ConnectionCls = _Plain
AWSHTTPSConnectionPool.ConnectionCls = _Tls


def bound(session: Session, seconds: float) -> None:
    """Give each call of the session's clients `seconds` in all, with its retries and their pauses. A budget
    that ends earlier counts."""

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
            except HTTPError as error:  # where S3 says in a stream what it refuses, botocore lets this pass
                raise ResponseStreamingError(error=error) from error
            except RuntimeError as error:
                if "credentials" not in str(error):
                    raise
                # botocore raises this where renewed credentials have expired as well.
                raise CredentialRetrievalError(provider="this machine", error_msg=str(error)) from error

    def extend(base_classes: list[type], **_: Any) -> None:
        base_classes.insert(0, Bounded)

    session.register("creating-client-class", extend)
    session.register("before-send", _before_send)
    session.register("needs-retry", _before_retry)
    session.register("before-parse", _before_parse)


def _before_send(**_: Any) -> None:
    """Send nothing where no time is left: botocore does not repeat what fails so."""
    remaining(1)


def _before_retry(caught_exception: Exception | None = None, **_: Any) -> None:
    """Where no time is left, end without the pause before the next attempt."""
    try:
        remaining(1)
    except DeadlineExceeded:
        if caught_exception is not None:
            raise caught_exception from None


def _before_parse(response_dict: dict[str, Any], **_: Any) -> None:
    """botocore takes a proxy's page with 200 for an answer without content."""
    body = response_dict["body"]  # of an object in S3 it is a stream, and may be a page
    if response_dict["status_code"] < 300 and isinstance(body, bytes) and _PAGE.match(body):
        raise NotUnderstood
