"""What an answer means: status, headers and body, or no answer at all → Delivered, Retry or Rejected.

One classifier for every destination. A destination looks at the body first where its body can say more than
its status. No reason that leaves here holds a secret, even where the destination repeats it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from receiver.destinations.contract import Check, Delivered, Outcome, Rejected, Retry
from shared.http.answers import Answer, retry_after
from shared.http.client import Http
from shared.http.errors import NetworkError, TlsFailed
from shared.text import clean, one_line

LONGEST_WAIT = 3_600.0  # seconds; Jira Data Center is known to ask a blocked account for 292 years
SHORTENED = 0.25  # of the usual size, for a message that was refused for its size
MAX_SAID = 200  # characters of the destination's answer that a reason repeats
# A webhook's URL is its secret: after a rotation the old one may well be gone.
_STALE_SECRET = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class Mask:
    """Takes a destination's secrets out of a text: whole, in parts, and in the forms they travel in."""

    def __init__(self, *secrets: str) -> None:
        parts = {part for secret in secrets for part in _forms(secret) if part}
        longest_first = sorted(parts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if parts else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub("<secret>", text) if self._pattern else text


def judge(answer: Answer, *, now: float, mask: Mask, advice: Mapping[int, str]) -> Outcome:
    """Decide by status. `advice` says per status what a person should do; `now` is for a dated Retry-After.

    A 5xx other than 503 leaves open whether the message was taken (a gateway may have lost the answer).
    """
    status = answer.status
    if 200 <= status < 300:
        if answer.is_page:
            return Retry(
                f"answered {status} with a web page, as a proxy does that blocks it or wants a sign-in"
                + said(answer, mask)
            )
        return Delivered()
    if 300 <= status < 400:
        return Rejected(f"the address redirects elsewhere ({status}), which is not followed: check the URL")
    answered = f"answered {_named(status)}" + said(answer, mask)
    if status in _LATER or status >= 500:
        return Retry(
            answered,
            after=asked_to_wait(answer, now),
            ambiguous=status >= 500 and status != HTTPStatus.SERVICE_UNAVAILABLE,
        )
    todo = advice.get(status)
    return Rejected(f"{todo} ({answered})" if todo else answered, unauthorized=status in _STALE_SECRET)


def sized(send: Callable[[float], Answer]) -> tuple[Answer, str]:
    """Sends a message, and once more much shorter where it is refused for its size: a proxy in between may
    take less than the peer does. `send` takes the share of the usual size. The answer that counts, and a note
    where the message was shortened."""
    answer = send(1.0)
    if answer.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return answer, ""
    return send(SHORTENED), "shortened, since the whole message was refused for its size (413)"


def asked_to_wait(answer: Answer, now: float) -> float | None:
    """Seconds that the answer asks for, within reason; None where it asks for nothing that can be read."""
    wait = retry_after(answer.headers, now)
    return None if wait is None else min(max(wait, 0.0), LONGEST_WAIT)


def unanswered(error: NetworkError) -> Retry:
    """No answer. A certificate that does not verify is not mended by waiting, but neither may it lose an
    alarm: it is tried again, and the reason says that someone must look."""
    advice = "; it is tried again, but this does not mend by itself" if isinstance(error, TlsFailed) else ""
    return Retry(f"{error}{advice}", ambiguous=error.sent)


def said(answer: Answer, mask: Mask) -> str:
    """`: "what the destination said"`, cleaned and bounded; empty where it said nothing."""
    text = clean(answer.text[:20_000], 20_000)
    words = one_line(mask(re.sub(r"<[^<>]*>", " ", text)), MAX_SAID)
    return f": “{words}”" if words else ""


def json_object(answer: Answer) -> dict[str, Any]:
    """The body, if it is a JSON object; else an empty one."""
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield unquote(secret)
    yield b64encode(secret.encode()).decode()
    if "://" not in secret:
        return
    url = urlsplit(secret)
    yield url.path + (f"?{url.query}" if url.query else "")
    yield url.query
    for part in (url.path.strip("/"), *url.path.split("/"), *(value for _, value in parse_qsl(url.query))):
        # Plain words such as `workflows` or `invoke` are no secret, and a reason needs them.
        if len(part) >= 8 and re.search(r"[^a-z]", part):
            yield part


def reach(http: Http, origin: str, what: str) -> Check:
    """Whether a webhook's host answers. More cannot be asked of a webhook without posting to it."""
    try:
        http.request("GET", f"{origin}/")
    except NetworkError as error:
        return Check(False, f"{what} cannot be reached: {error}")
    return Check(
        True,
        f"{origin} answers and the URL has the right form; whether {what} takes it, only a message can tell",
    )
