"""Removes the webhook's token from texts that have no structure, and bounds the texts of an event."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared.text import shorten

_HIDDEN = "<secret>"
_TOKEN_KEY = re.compile(r"""token\\*["']\s*[:=]\s*(?P<quote>\\*["'])?|\btoken=""", re.IGNORECASE)
_AFTER_TOKEN = re.compile(r"[,}\]&\s]")
# A shorter token would match by chance. More tokens than this are an attack that costs time.
_SHORTEST_TOKEN, _MAX_TOKENS = 8, 10


def redact(text: str) -> tuple[str, list[str]]:
    """The text without the values of its `token` keys, and these values."""
    kept: list[str] = []
    tokens: list[str] = []
    at = 0
    while key := _TOKEN_KEY.search(text, at):
        quote = key["quote"] or ""
        start = end = key.end()
        if quote:
            closing = text.find(quote, start)
            end = closing if closing >= 0 else len(text)
        after = _AFTER_TOKEN.search(text, end)
        kept.append(text[at:start] + _HIDDEN + quote)
        at = after.start() if after else len(text)
        tokens.append(text[start : end if quote else at])
    return "".join(kept) + text[at:], tokens


def bounded(text: str, limit: int, tokens: Iterable[str]) -> str:
    """The text cut to `limit` characters, encodable, and without the tokens, which the template may have
    repeated in its texts."""
    text, _ = redact(text)
    for token in [token for token in tokens if len(token) >= _SHORTEST_TOKEN][:_MAX_TOKENS]:
        text = text.replace(token, _HIDDEN)
    return shorten(text.encode("utf-8", "replace").decode(), limit)
