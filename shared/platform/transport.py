"""One request to the platform: authorized, with a deadline, and answered by JSON or a typed error.

No error holds the API key or another secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shared.http.client import Answer, Http, NetworkError, retry_after
from shared.platform.errors import CadoError, Conflict, NotFound, Refused, Unauthorized, Unavailable
from shared.platform.wire import ProblemJson, parse
from shared.secrets import Secret, SecretError
from shared.text import one_line


class Transport:
    """One request, one answer or one typed error."""

    def __init__(
        self,
        url: str,
        key: Callable[[], Secret],
        renew: Callable[[], None] | None,
        http: Http,
        now: Callable[[], float],
        admin: bool,
    ) -> None:
        self._url, self._http, self._now = url.rstrip("/"), http, now
        self._read_key, self._renew, self._admin = key, renew, admin

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
        """`hidden` are secrets in `body`; no error holds one."""
        key = self._key()
        answer = self._send(key, method, path, params, body)
        if answer.status == 401 and (newer := self._newer(key)):
            key = newer
            answer = self._send(key, method, path, params, body)
        hidden = (key, *hidden)
        if not 200 <= answer.status < 300:
            raise self._failure(answer, what, hidden)
        try:
            found = answer.json()
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
                passing=False,
            ) from None
        if isinstance(found, dict) and found.get("status") == "error":
            raise Refused(f"The platform refused it{self._said(answer, hidden)}.", status=answer.status)
        return found

    def _key(self) -> Secret:
        try:
            return self._read_key()
        except SecretError as error:
            raise Unavailable(f"The platform cannot be asked: {error}.", passing=False) from None

    def _newer(self, refused: Secret) -> Secret | None:
        """The key that has taken the place of the refused one, where there is one."""
        if self._renew is None:
            return None
        self._renew()
        try:
            newer = self._read_key()
        except SecretError:
            return None  # that the key is refused says more
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
            return self._http.request(
                method,
                self._url + path,
                params=params,
                json=body,
                headers={"Authorization": f"Bearer {key.reveal().strip()}"},
            )
        except NetworkError as error:
            did_not = "did not answer" if error.sent else "cannot be reached"
            raise Unavailable(
                f"The platform {did_not}: {error}.", ambiguous=error.sent, passing=error.kind != "tls"
            ) from None
        except ValueError as error:
            raise Refused(f"The platform cannot be asked: {error}.") from None

    def _failure(self, answer: Answer, what: str, hidden: tuple[Secret, ...]) -> CadoError:
        status, said = answer.status, self._said(answer, hidden)
        if status == 401:
            return Unauthorized(
                f"The platform refused the API key (401){said}. "
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
                f"The role of the API key may not do this (403){said}. {needs}.", status=status
            )
        if status == 404:
            return NotFound(
                f"The platform does not know {what or 'what was asked for'} (404){said}.", status=404
            )
        if status == 409:
            return Conflict(f"The platform has one already (409){said}.", status=status)
        if 300 <= status < 400:
            return Refused(
                f"The platform points to another address ({status}); "
                "write the address of the platform itself as platform.url.",
                status=status,
            )
        if status in (408, 429) or status >= 500:
            return Unavailable(
                f"The platform is {'busy' if status == 429 else 'not available'} ({status}){said}.",
                ambiguous=status not in (429, 503),
                after=retry_after(answer.headers, self._now()),
                status=status,
            )
        return Refused(f"The platform refused it ({status}){said}.", status=status)

    def _said(self, answer: Answer, hidden: tuple[Secret, ...]) -> str:
        """What the platform says about it, made harmless, for the end of a sentence."""
        try:
            body = answer.json()
        except ValueError:
            return ""
        words = parse(ProblemJson, body)
        text = words.message or words.msg or words.detail or ""
        for secret in hidden:
            if value := secret.reveal().strip():
                text = text.replace(value, "<secret>")
        line = one_line(text, 200).rstrip(".")
        return (f": {line}" if line else "") + (f" [{one_line(words.code, 40)}]" if words.code else "")
