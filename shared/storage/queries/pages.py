"""Pages of rows, and the tokens that lead from one page to the next.

A token holds a position in an index and the digest of the question that it belongs to. So a token that a
browser changed, or that belongs to another list, is refused and never read as a place in the store.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MAX_LIMIT = 200  # rows of one page
_MAX_TOKEN = 4_000  # characters
_MAX_POSITION = 1_024  # bytes; DynamoDB refuses a longer sort key


class BadToken(ValueError):
    """The token of a page cannot be read, or belongs to another list."""


@dataclass(frozen=True)
class Rows(Generic[T]):
    """One page of a list. A page may have fewer rows than asked for, or none, and still have a next one."""

    rows: tuple[T, ...]
    next: str = ""  # the token of the next page; empty: this is the end


def bounded(limit: int) -> int:
    return max(1, min(limit, MAX_LIMIT))


def token(question: Mapping[str, Any], after: str) -> str:
    """The token of the page that begins after `after`; empty if `after` is."""
    if not after:
        return ""
    text = json.dumps([_digest(question), after], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position(question: Mapping[str, Any], page: str) -> str:
    """Where the page of this token begins; empty for the first page. Raises BadToken."""
    if not page:
        return ""
    try:
        if len(page) > _MAX_TOKEN:
            raise ValueError
        text = base64.b64decode(page + "=" * (-len(page) % 4), altchars=b"-_", validate=True)
        digest, after = json.loads(text)
        if not isinstance(after, str) or not 0 < len(after.encode()) <= _MAX_POSITION:
            raise ValueError  # half a character is a ValueError too: no store takes it
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise BadToken("this page's token cannot be read") from None
    if digest != _digest(question):
        raise BadToken("this page's token belongs to another list")
    return after


def _digest(question: Mapping[str, Any]) -> str:
    text = json.dumps(question, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
