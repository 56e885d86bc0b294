"""Removes secrets from everything that is logged.

All secrets that were read are registered here. Registered secrets, and texts that look like a webhook URL or
a token, are removed from messages, arguments, keys and tracebacks as the last step before a line is written.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus, urlsplit

from shared.secrets import Secret

_SHORTEST = 6  # characters; to replace a shorter secret, such as "t", would make every log unreadable
_HIDDEN = "<secret>"
# In a match, the text of the regex group is kept and the rest becomes `<secret>`. No pattern crosses a line
# end, so that an attacker cannot hide more.
_LOOKS_SECRET = re.compile(
    r"(hooks\.slack(?:-gov)?\.com/)[^\s\"'<>]+"
    r"|(/(?:services|workflows|triggers)/)[A-Z0-9]{6,}/[^\s\"'<>]+"
    r"|(\bsig(?:=|%3D))[^\s&\"'<>]+"
    r"|(\b(?:bearer|basic)[ \t]+)[A-Za-z0-9._~+/=-]{6,}"
    r"|(://)[^\s/@\"'<>]+(?=@)"
    r"|\b(?:xox[a-z]|xapp|xoxe\.xox[a-z])-[A-Za-z0-9-]{6,}"
    r"|\bATATT[A-Za-z0-9_=-]{10,}",
    re.IGNORECASE,
)


class _Registry:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        with self._lock:
            fresh = {form for form in _forms(value) if len(form) >= _SHORTEST} - self._forms
            if fresh:
                self._forms |= fresh
                longest_first = sorted(self._forms, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def scrub(self, text: str) -> str:
        return self._pattern.sub(_HIDDEN, text) if self._pattern else text


_registry = _Registry()  # one per process, as logging itself is


def redact(secret: Secret) -> None:
    """Remove this secret from everything that is logged from now on. A secret of fewer than 6 characters is
    not removed, because it cannot be distinguished from ordinary text."""
    _registry.add(secret.reveal())


def scrub(text: str) -> str:
    """The text without registered secrets and without what looks like one."""
    return _LOOKS_SECRET.sub(_hide, _registry.scrub(text))


def _hide(match: re.Match[str]) -> str:
    return next((kept for kept in match.groups() if kept is not None), "") + _HIDDEN


def _forms(value: str) -> set[str]:
    """The ways in which a secret may be written: as it is, escaped, and for a URL also without the host, as
    libraries log it."""
    plain = {value, value.strip(), *(line.strip() for line in value.splitlines())}
    for text in list(plain):
        with suppress(ValueError):
            parts = urlsplit(text)
            if not parts.netloc:
                continue
            query = f"?{parts.query}" if parts.query else ""
            plain |= {parts.query, *({parts.path, parts.path + query} if parts.path.count("/") > 1 else ())}
    return plain | {form for text in plain for form in _escaped(text)}


def _escaped(text: str) -> Iterator[str]:
    for safe in ("/", ""):  # percent-encoded as in a URL, with `/` kept and with `/` encoded
        yield quote(text, safe, errors="surrogatepass")
    yield quote_plus(text, errors="surrogatepass")
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    yield repr(text)[1:-1]
