"""Reads a webhook from its request: uncompresses the body and authenticates the sender.

The body is not parsed before its sender is known.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection

from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from receiver.intake.authenticate import authenticate
from shared.secrets import Secret

MAX_BODY = 256 * 1024  # bytes, uncompressed
_MAX_MEMBERS = 16  # of a gzipped body


def read_webhook(data: bytes, content_encoding: str, authorization: str, tokens: Collection[Secret]) -> bytes:
    """The body, uncompressed and without the token. The strings are headers of the request.

    Raises UnsupportedMediaType, RequestEntityTooLarge, and Unauthorized.
    """
    return authenticate(_uncompressed(data, content_encoding), authorization, tokens)


def _uncompressed(data: bytes, content_encoding: str) -> bytes:
    """Data that is not gzipped is returned as it is, whatever the header says. Raises UnsupportedMediaType
    for any other compression."""
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    codings = [coding for coding in codings if coding not in ("", "identity")]
    if not codings:
        return data
    if codings not in (["gzip"], ["x-gzip"]):
        raise UnsupportedMediaType
    body, rest = b"", data
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(wbits=31)
        try:
            body += member.decompress(rest, MAX_BODY + 1 - len(body))
        except zlib.error:
            return body or data
        if len(body) > MAX_BODY:
            raise RequestEntityTooLarge
        rest = member.unused_data
        if not rest:
            return body
    raise UnsupportedMediaType
