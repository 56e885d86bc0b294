"""Removes the token from a webhook's body, wherever and in whatever notation it is written there.

The token belongs in one key of the body. But a template may repeat it in a text, and the platform may quote
it in a link or in JSON inside a string. No copy is stored or shown.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

HIDDEN = "<token>"
# Shorter tokens are only replaced as whole words, because they occur inside other words by chance.
_ANYWHERE = 6
_UTF = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
# A word begins after anything but a letter or digit, or after an escape.
_WORD_BEGINS = rb"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\[bfnrt]))"


def without(body: bytes, tokens: Iterable[str]) -> bytes:
    """The body with every token replaced. A token is found as it is, in base64, in UTF-16 and in UTF-32. It
    is also found when it is escaped for JSON, for JSON inside JSON, for a URL or for HTML."""
    for token in tokens:
        if token:
            body = _pattern(token).sub(HIDDEN.encode(), body)
            for encoding in _UTF if b"\0" in body else ():
                body = body.replace(token.encode(encoding), HIDDEN.encode(encoding))
    return body


@lru_cache(maxsize=16)
def _pattern(token: str) -> re.Pattern[bytes]:
    plain = b"".join(map(_notations, token))
    if len(token) < _ANYWHERE:
        return re.compile(_WORD_BEGINS + plain + rb"(?![0-9A-Za-z])")
    return re.compile(b"|".join([plain, *map(re.escape, _in_base64(token.encode()))]))


def _notations(character: str) -> bytes:
    """A pattern for one character in all its notations. It matches a limited number of backslashes, so that
    a body full of backslashes takes no longer than any other body."""
    code = ord(character)
    utf8, utf16 = character.encode(), character.encode("utf-16-be")
    pairs = [utf16[at : at + 2].hex().encode() for at in range(0, len(utf16), 2)]
    forms = [
        rb"\\{0,8}" + re.escape(utf8),
        b"".join(rb"\\{1,8}u(?i:" + pair + b")" for pair in pairs),
        b"".join(b"%%(?:25){0,2}(?i:%02x)" % byte for byte in utf8),
        b"&#0{0,4}%d;" % code,
        b"&#[xX]0{0,4}(?i:%x);" % code,
        *([rb"\+"] if character == " " else []),
        *([b"&(?:amp;){0,2}" + name + b";" for name in _ENTITIES.get(character, ())]),
    ]
    return b"(?:" + b"|".join(forms) + b")"


_ENTITIES = {"&": (b"amp",), "<": (b"lt",), ">": (b"gt",), '"': (b"quot",), "'": (b"apos",)}


def _in_base64(token: bytes) -> Iterator[bytes]:
    """The characters of base64 that depend on the token alone. They differ for the three positions in a group
    of three bytes at which the token may begin."""
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + token)
            first = (before * 8 + 5) // 6
            last = (before + len(token)) * 8 // 6
            yield text[first:last]
