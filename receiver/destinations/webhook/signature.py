"""Signs a document in two ways: with huntbridge's own header, and with the headers of Standard Webhooks 1.0.

docs/destinations/webhook.md describes how a receiver checks either signature.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence

from shared.secrets import Secret

SIGNATURE = "Huntbridge-Signature"  # the header
SHORTEST_SECRET = 16  # characters; a shorter secret could be found by trying


def sign(body: bytes, secrets: Sequence[Secret], at: int) -> str:
    """`t=<at>,v1=<hex>`, with one v1 for each secret: HMAC-SHA256 over `<at>.<body>`. `at`: epoch seconds."""
    signed = f"{at}.".encode() + body
    signatures = (hmac.digest(secret.reveal().encode(), signed, "sha256").hex() for secret in secrets)
    return ",".join((f"t={at}", *(f"v1={signature}" for signature in signatures)))


_PREFIX = "whsec_"  # that a secret of Standard Webhooks may begin with
_KEY_BYTES = range(24, 65)  # of such a secret
_ID = re.compile(r"[A-Za-z0-9_:/@+-]{1,200}")


def standard_headers(body: bytes, id: str, secrets: Sequence[Secret], at: int) -> dict[str, str]:
    """The headers of Standard Webhooks, signed with each secret that has its form; empty if none has. `id` is
    that of the message, and the same when it is sent again. `at`: epoch seconds."""
    # The id is signed with dots around it, so it has none.
    safe_id = id if _ID.fullmatch(id) else f"msg_{hashlib.sha256(id.encode()).hexdigest()[:32]}"
    signed = f"{safe_id}.{at}.".encode() + body
    signatures = [
        f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in map(_key, secrets) if key
    ]
    if not signatures:
        return {}
    return {
        "webhook-id": safe_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: Secret) -> bytes | None:
    """The key of a secret that is the base64 of 24 to 64 bytes, with or without whsec_ before it."""
    try:
        key = b64decode(secret.reveal().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in _KEY_BYTES else None
