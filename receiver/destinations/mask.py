"""Removes a destination's secrets from a text that the destination answered."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit


class Mask:
    """Replaces each secret by `<secret>`: the whole, its parts, and the forms in which it is sent."""

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if form}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub("<secret>", text) if self._pattern else text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield unquote(secret)
    yield b64encode(secret.encode()).decode()
    if "://" not in secret:
        return
    url = urlsplit(secret)
    yield url.path + (f"?{url.query}" if url.query else "")
    yield url.query
    for part in (url.path.strip("/"), *url.path.split("/"), *(value for _, value in parse_qsl(url.query))):
        # Plain words such as `workflows` or `invoke` are no secret, and people need them to understand a
        # reason.
        if len(part) >= 8 and re.search(r"[^a-z]", part):
            yield part
