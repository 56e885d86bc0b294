"""Decides what an answer means: Delivered, Retry or Rejected, by status, headers, body or network error.

Every destination uses this classifier. The `errors.py` of a destination adds the vendor's error codes, and
reads the body first if the body says more than the status. No reason contains a secret, even if the
destination's answer contains it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from receiver.destinations.contract import Delivered, Outcome, Rejected, Retry
from receiver.destinations.mask import Mask
from shared.http.answers import Answer, retry_after
from shared.http.errors import NetworkError, TimedOut, TlsFailed
from shared.metrics.definitions import CONNECTION, RATE_LIMITED, SERVER_ERROR, TIMEOUT
from shared.metrics.instruments import OTHER
from shared.text import clean, one_line

LONGEST_WAIT = 3_600.0  # seconds; Jira Data Center is known to ask a blocked account for 292 years
MAX_QUOTED = 200  # characters of the destination's answer that a reason quotes
# The URL of a webhook is its secret. After a rotation the old URL may no longer exist.
_STALE_SECRET = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def classify(answer: Answer, *, now: float, mask: Mask, advice: Mapping[int, str]) -> Outcome:
    """Decide by the status. `advice`: what a person should do, by status. `now`: epoch seconds, to read a
    Retry-After that is a date.

    After a 5xx other than 503 the message may have been accepted, because a gateway may have lost the answer.
    """
    status = answer.status
    if 200 <= status < 300:
        if answer.is_page:
            return Retry(
                f"answered {status} with a web page, as a proxy does that blocks it or wants a sign-in"
                + quoted(answer, mask)
            )
        return Delivered()
    if 300 <= status < 400:
        return Rejected(f"the address redirects elsewhere ({status}), which is not followed: check the URL")
    answered = f"answered {_with_phrase(status)}" + quoted(answer, mask)
    if status in _LATER or status >= 500:
        return Retry(
            answered,
            after=requested_wait(answer, now),
            ambiguous=status >= 500 and status != HTTPStatus.SERVICE_UNAVAILABLE,
            error_type=_error_type(status),
        )
    todo = advice.get(status)
    return Rejected(f"{todo} ({answered})" if todo else answered, unauthorized=status in _STALE_SECRET)


def _error_type(status: int) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RATE_LIMITED
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return TIMEOUT
    return SERVER_ERROR if status >= 500 else OTHER


def classify_network_error(error: NetworkError) -> Retry:
    """The outcome of a request without an answer. If a certificate cannot be verified, a person must act.
    Until then the alarm must not be lost: the delivery is retried, and the reason says that it needs
    attention."""
    advice = "; it is tried again, but this does not mend by itself" if isinstance(error, TlsFailed) else ""
    error_type = TIMEOUT if isinstance(error, TimedOut) else CONNECTION
    return Retry(f"{error}{advice}", ambiguous=error.sent, error_type=error_type)


def requested_wait(answer: Answer, now: float) -> float | None:
    """Seconds that the answer asks to wait, between 0 and LONGEST_WAIT; None if it asks for no readable
    time."""
    wait = retry_after(answer.headers, now)
    return None if wait is None else min(max(wait, 0.0), LONGEST_WAIT)


def quoted(answer: Answer, mask: Mask) -> str:
    """`: “the text of the answer”`, without secrets and bounded; empty if the answer has no text."""
    text = clean(answer.text[:20_000], 20_000)
    words = one_line(mask(re.sub(r"<[^<>]*>", " ", text)), MAX_QUOTED)
    return f": “{words}”" if words else ""


def json_object(answer: Answer) -> dict[str, Any]:
    """The body, if it is a JSON object; else an empty one."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _with_phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
