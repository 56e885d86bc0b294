"""One request to the platform: authorized, bounded in time, and answered by JSON or by a typed error.

Reads are repeated a bounded number of times. A request that is not safe to repeat is sent once; if it is not
known whether the platform carried it out, the error says so (`Unavailable.ambiguous`). No error holds the API
key or another secret.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from shared.http.answers import Answer, retry_after
from shared.http.client import Http
from shared.http.deadlines import lasts
from shared.http.errors import ConnectFailed, NetworkError, TlsFailed, UnknownHost
from shared.metrics.definitions import PLATFORM_REQUESTS
from shared.platform.errors import CadoError, Conflict, NotFound, Refused, Unauthorized, Unavailable
from shared.platform.wire import PagedJson, ProblemJson, as_list, parse, unwrap
from shared.secrets import Secret, SecretError
from shared.text import one_line

TRIES = 3
_LONGEST_PAUSE = 30.0  # seconds; if the platform asks for a longer one, the caller decides when to try again
_PER_PAGE = 100
_MOST_PAGES = 2_000  # of one list


class Transport:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(
        self,
        url: str,
        api_key: Secret | Callable[[], Secret],
        http: Http,
        *,
        renew: Callable[[], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
        tries: int = TRIES,
        admin: bool = False,
    ) -> None:
        """`url` is the platform's, without a path. If `api_key` is a function, it is called for every request
        and may raise SecretError. `renew` is called if the platform refuses the key; after it, `api_key`
        should return the newest key. `tries`: how often a read is sent at most. `admin`: the key is
        `platform.admin_key`, and error messages name it and the role that it needs."""
        self._url, self._http = url.rstrip("/"), http
        self._read_key: Callable[[], Secret] = (lambda: api_key) if isinstance(api_key, Secret) else api_key
        self._renew, self._admin, self._tries = renew, admin, tries
        self._sleep, self._rng, self._now = sleep, rng, now

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        what: str = "",
        hidden: tuple[Secret, ...] = (),
    ) -> Any:
        """The JSON of the answer. Sent once, and once more if a newer API key is there. `what` names the
        thing that is asked about, for the error of a 404. `hidden` are secrets in `body`, for redaction."""
        key = self._key()
        answer = self._send(key, method, path, params, body)
        if answer.status == 401 and (newer := self._newer(key)):
            key = newer
            answer = self._send(key, method, path, params, body)
        hidden = (key, *hidden)
        if not 200 <= answer.status < 300:
            raise self._failure(answer, what, hidden)
        try:
            content = answer.json()
        except ValueError:
            if answer.is_page:
                kind = "is a web page, such as a proxy puts in its place"
            else:
                kind = "is longer than can be read" if answer.truncated else "is not JSON"
            raise Unavailable(
                f"The platform's answer ({answer.status}) {kind}; "
                "see whether platform.url is the platform's own address.",
                ambiguous=True,
                status=answer.status,
                retryable=False,
            ) from None
        if isinstance(content, dict) and content.get("status") == "error":
            raise Refused(f"The platform refused it{_reason(answer, hidden)}.", status=answer.status)
        return content

    def read(self, path: str, params: Mapping[str, Any] | None = None, *, what: str = "") -> Any:
        """As `call`, for a GET, which is repeated if that may help."""
        for pause in self.attempts():
            try:
                return self.call("GET", path, params=params, what=what)
            except Unavailable as error:
                error.ambiguous = False  # a read changes nothing
                pause(error)
        raise AssertionError("the last pause raises")

    def pages(self, path: str, params: Mapping[str, Any], *, what: str = "") -> Iterator[Any]:
        """Every item of a list of v3."""
        for page, (items, is_last) in enumerate(self._page_by_page(self.read, path, params, what), 1):
            yield from items
            if is_last:
                return
            if page == _MOST_PAGES:
                raise Refused(
                    f"The platform's list has more than {_MOST_PAGES} pages, more than can be read."
                )

    def first(self, path: str, params: Mapping[str, Any], most: int) -> tuple[list[Any], bool]:
        """The first items of a list of v3, at most `most`, and whether these are all. Each page is asked for
        once."""
        items: list[Any] = []
        for page, (more, is_last) in enumerate(self._page_by_page(self._read_once, path, params), 1):
            items += more
            if is_last or page * _PER_PAGE >= most:
                break
        return items[:most], is_last and len(items) <= most

    def _page_by_page(
        self, ask: Callable[..., Any], path: str, params: Mapping[str, Any], what: str = ""
    ) -> Iterator[tuple[list[Any], bool]]:
        """The items of each page, and whether it is the last one. The specification names no largest page
        size: if ours is refused, the platform's default size is used."""
        size: dict[str, Any] = {"per_page": _PER_PAGE}
        for page in count(1):
            try:
                answer = ask(path, {**params, **size, "page": page}, what=what)
            except Refused:
                if page > 1 or not size:
                    raise
                size = {}
                answer = ask(path, {**params, "page": page}, what=what)
            yield as_list(unwrap(answer)), page >= (parse(PagedJson, answer).total_pages or 1)

    def _read_once(self, path: str, params: Mapping[str, Any], *, what: str = "") -> Any:
        return self.call("GET", path, params=params, what=what)

    def attempts(self) -> Iterator[Callable[[Unavailable], None]]:
        """One item for each attempt at a call that is safe to repeat: a function to call with the error if
        the attempt fails. It sleeps before the next attempt, or raises the error if there is none."""
        for attempt in range(1, self._tries + 1):

            def pause(error: Unavailable, attempt: int = attempt) -> None:
                wait = max(error.after or 0, 2.0**attempt * (0.25 + 0.25 * self._rng()))
                if attempt == self._tries or not error.retryable or wait > _LONGEST_PAUSE or not lasts(wait):
                    raise error
                self._sleep(wait)

            yield pause

    def _key(self) -> Secret:
        try:
            return self._read_key()
        except SecretError as error:
            raise Unavailable(f"The platform cannot be asked: {error}.", retryable=False) from None

    def _newer(self, refused: Secret) -> Secret | None:
        """The key that has replaced the refused one; None if there is none."""
        if self._renew is None:
            return None
        self._renew()
        try:
            newer = self._read_key()
        except SecretError:
            return None  # the refusal of the key is the more helpful error
        return newer if newer.reveal() != refused.reveal() else None

    def _send(
        self,
        key: Secret,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> Answer:
        try:
            answer = self._http.request(
                method,
                self._url + path,
                params=params,
                json=body,
                headers={"Authorization": f"Bearer {key.reveal().strip()}"},
            )
        except NetworkError as error:
            PLATFORM_REQUESTS.add(outcome="unavailable")
            did_not = "did not answer" if error.sent else "cannot be reached"
            raise Unavailable(
                f"The platform {did_not}: {error}.",
                ambiguous=error.sent,
                retryable=not isinstance(error, TlsFailed),
                unreachable=isinstance(error, ConnectFailed | UnknownHost),
            ) from None
        except ValueError as error:
            raise Refused(f"The platform cannot be asked: {error}.") from None
        PLATFORM_REQUESTS.add(outcome=_outcome(answer.status))
        return answer

    def _failure(self, answer: Answer, what: str, hidden: tuple[Secret, ...]) -> CadoError:
        status, reason = answer.status, _reason(answer, hidden)
        if status == 401:
            return Unauthorized(
                f"The platform refused the API key (401){reason}. "
                "Make a new key there and put it where "
                f"{'platform.admin_key' if self._admin else 'platform.api_key'} points.",
                status=status,
            )
        if status == 403:
            needs = (
                "Webhooks need the role Platform Administrator"
                if self._admin
                else "Hunts need the role Lead Analyst"
            )
            return Unauthorized(
                f"The role of the API key may not do this (403){reason}. {needs}.", status=status
            )
        if status == 404:
            return NotFound(
                f"The platform does not know {what or 'what was asked for'} (404){reason}.", status=status
            )
        if status == 409:
            return Conflict(f"The platform has one already (409){reason}.", status=status)
        if 300 <= status < 400:
            return Refused(
                f"The platform points to another address ({status}); "
                "write the address of the platform itself as platform.url.",
                status=status,
            )
        if status in (408, 429) or status >= 500:
            return Unavailable(
                f"The platform is {'busy' if status == 429 else 'not available'} ({status}){reason}.",
                ambiguous=status not in (429, 503),
                after=retry_after(answer.headers, self._now()),
                status=status,
            )
        return Refused(f"The platform refused it ({status}){reason}.", status=status)


def _outcome(status: int) -> str:
    """The value of the metric's label for an answer."""
    named = {401: "unauthorized", 403: "unauthorized", 404: "not_found", 409: "conflict"}
    named |= {408: "unavailable", 429: "unavailable"}
    if status >= 500:
        return "unavailable"
    return named.get(status, "ok" if status < 300 else "refused")


def _reason(answer: Answer, hidden: tuple[Secret, ...]) -> str:
    """The platform's own words about a refusal, as one line without secrets, to append to a sentence."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    problem = parse(ProblemJson, body)
    text = problem.message or problem.msg or problem.detail or ""
    for secret in hidden:
        if value := secret.reveal().strip():
            text = text.replace(value, "<secret>")
    line = one_line(text, 200).rstrip(".")
    return (f": {line}" if line else "") + (f" [{one_line(problem.code, 40)}]" if problem.code else "")
