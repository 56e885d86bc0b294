"""Authenticates the sender of a webhook: compares its token, and takes the token out of the body.

The token is searched in the bytes of the body, so it is found even if a broken template made the JSON
invalid.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Iterator

from werkzeug.exceptions import Unauthorized

from receiver.intake.redaction import without
from shared.secrets import Secret

# The token is a JSON string. The pattern also finds it in JSON that a quote inside `$Event` has broken.
_TOKEN = re.compile(rb'"token"\s{0,8}:\s{0,8}"((?:[^"\\]|\\.){0,512})"')
# One level of escaping, as in JSON inside a JSON string.
_ESCAPED = re.compile(rb'\\(?:(["\\/])|u0022)')
_LEVELS = 3  # the body itself, JSON in a string of it, and JSON in a string of that
_REDACTED = b'"token":"<token>"'


def authenticate(body: bytes, authorization: str, tokens: Collection[Secret]) -> bytes:
    """The body without the token. Raises Unauthorized. A wrong token and a missing one take the same work."""
    scheme, _, bearer = authorization.partition(" ")
    candidates = {_unescaped(text) for text in _candidates(body)}
    candidates.add(bearer.strip().encode() if scheme.lower() == "bearer" else b"")
    digests = [hashlib.sha256(token.reveal().encode()).digest() for token in tokens]
    matches = [
        hmac.compare_digest(hashlib.sha256(candidate).digest(), digest)
        for candidate in candidates
        for digest in digests
    ]
    if not any(matches):
        raise Unauthorized
    return without(_TOKEN.sub(_REDACTED, body), [token.reveal() for token in tokens])


def _candidates(body: bytes) -> Iterator[bytes]:
    """Every text at a place where a token may be. Takes time linear in the size of the body."""
    for _ in range(_LEVELS):
        yield from (match[1] for match in _TOKEN.finditer(body))
        if b"\\" not in body:
            return
        body = _ESCAPED.sub(lambda match: match[1] or b'"', body)


def _unescaped(text: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + text + b'"')).encode()
    except ValueError:
        return text
