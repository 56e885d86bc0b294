"""Signs a document. docs/webhook-destination.md describes how a receiver checks the signature."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from shared.secrets import Secret

SIGNATURE = "Huntbridge-Signature"  # the header
SHORTEST_SECRET = 16  # characters; a shorter secret could be found by trying


def sign(body: bytes, secrets: Sequence[Secret], at: int) -> str:
    """`t=<at>,v1=<hex>`, with one v1 for each secret: HMAC-SHA256 over `<at>.<body>`. `at`: epoch seconds."""
    signed = f"{at}.".encode() + body
    signatures = (hmac.digest(secret.reveal().encode(), signed, "sha256").hex() for secret in secrets)
    return ",".join((f"t={at}", *(f"v1={signature}" for signature in signatures)))
