"""The answer to an HTTP request, whatever its status, and the wait that it may ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

_PAGE = re.compile(
    r"[\s\ufeff]*(<!--.{0,1000}?-->\s*|<\?xml[^>]*>\s*)*"
    r"<(!doctype\s+html|html|head|body|meta|title|script|style|iframe|form|center|div|h1|p)\b",
    re.I | re.S,
)
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
_LONGEST_WAIT = 86_400.0  # seconds; some senders write the largest integer as Retry-After


@dataclass(frozen=True)
class Answer:
    """The answer of a peer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes
    truncated: bool = False  # the body was longer than `max_body`; then only the status can be used

    def json(self) -> Any:
        """Raises ValueError if the body is not JSON. An integer of 20 or more digits becomes None."""
        try:
            return json.loads(self.body, parse_int=_integer)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")

    @property
    def is_page(self) -> bool:
        """Whether it is a page for a browser, such as a proxy's sign-in page. No API answers with one."""
        start = self.body[:2_000].decode("utf-8", errors="replace")
        if _PAGE.match(start):
            return True
        content_type = _header(self.headers, "content-type")
        return content_type.strip().lower().startswith(_PAGE_TYPES) and "<" in start


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "")


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) < 20 else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by the header `Retry-After` (seconds or an HTTP date), 0 to 86,400. None if the header
    is absent or malformed. `now` is in seconds since 1970."""
    text = _header(headers, "retry-after").strip()
    if re.fullmatch(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?", text):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)
