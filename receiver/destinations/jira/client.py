"""Calls Jira's REST API.

Jira Cloud speaks REST v3, also through Atlassian's gateway. Jira Data Center speaks v2, also below a context
path. The client asks once which of the two it is. It knows nothing about messages and cases.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from urllib3.filepost import encode_multipart_formdata

from receiver.destinations.classify import classify_network_error, json_object
from receiver.destinations.contract import Delivered, Outcome, Rejected, Retry
from receiver.destinations.jira.errors import JiraErrors
from receiver.destinations.mask import Mask
from receiver.destinations.stopped import Stopped
from shared.config.destinations.jira import JiraConfig
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.secrets import Secret

# Seconds for a query, and for an optional step. A delivery that opens a case must end within 60 seconds,
# while it has the case exclusively.
QUESTION_TIMEOUT = 8.0
EXTRA_TIMEOUT = 5.0
_PAGE = 200  # the most entries in one page of createmeta
_MAX_PAGES = 10


class JiraApi:
    """Safe to use from several threads."""

    def __init__(
        self, config: JiraConfig, http: Http, secret: Secret, clock: Callable[[], float] = time.time
    ) -> None:
        """`secret`: the API token (Cloud, with the config's email) or the personal access token. Raises
        ValueError if it is malformed."""
        if not re.fullmatch(r"[\x21-\x7e]+", secret.reveal()):
            raise ValueError(
                "the token of Jira holds a space or a character that no token has: copy it again"
            )
        self._http, self._clock = http, clock
        self._base = config.url.rstrip("/")
        basic = f"{config.email}:{secret.reveal()}" if config.email else ""
        self._authorization = Secret(
            f"Basic {b64encode(basic.encode()).decode()}" if basic else f"Bearer {secret.reveal()}"
        )
        self._errors = JiraErrors(config, Mask(secret.reveal(), basic))
        self._cloud = _cloud_by_name(config)  # None until Jira has answered

    def cloud(self) -> bool:
        """Whether this is Jira Cloud. The configuration or the host says so; otherwise Jira is asked once.
        Raises Stopped."""
        if self._cloud is None:
            self._cloud = self.server_info().get("deploymentType") == "Cloud"
        return self._cloud

    def server_info(self) -> dict[str, Any]:
        """Jira's description of itself. Raises Stopped, also if the answer is not from a Jira."""
        info = self._checked(self._question("GET", f"{self._base}/rest/api/2/serverInfo"))
        if "deploymentType" not in info and "version" not in info:
            raise Stopped(Rejected("what answers at this URL is not Jira: check the URL"))
        return info

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Send a request that changes something. If it raises NetworkError, Jira may have carried the request
        out."""
        data = json.dumps(body, ensure_ascii=False).encode()
        return self._http.request(method, self._url(path), headers=self._headers(), data=data)

    def ask(self, path: str, **params: Any) -> dict[str, Any]:
        """The answer to a query. Raises Stopped if there is none. Its outcome is never ambiguous, since a
        query changes nothing."""
        return self._checked(self._question("GET", self._url(path), params=params))

    def post_question(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a query that is posted. Raises Stopped, as `ask` does."""
        return self._checked(self._question("POST", self._url(path), body))

    def look(
        self, path: str, body: Mapping[str, Any] | None = None, *, params: Mapping[str, Any] | None = None
    ) -> Answer:
        """The answer to a query, which may be a refusal. Raises Stopped if Jira cannot be asked now."""
        method = "GET" if body is None else "POST"
        return self._question(method, self._url(path), body, params=params)

    def pages(self, path: str, *names: str) -> Iterator[dict[str, Any]]:
        """The entries of an answer that comes in pages. `names`: the keys that may hold the entries of a
        page; Cloud and Data Center use different keys. Raises Stopped."""
        seen = 0
        for _ in range(_MAX_PAGES):
            page = self.ask(path, startAt=seen, maxResults=_PAGE)
            entries: list[Any] = next((page[name] for name in names if isinstance(page.get(name), list)), [])
            yield from (entry for entry in entries if isinstance(entry, dict))
            seen += len(entries)
            total = page.get("total")
            if not entries or (seen >= total if isinstance(total, int) else page.get("isLast", True)):
                return

    def try_post(self, failure: str, path: str, body: Mapping[str, Any]) -> str:
        """Do an optional step of a delivery. Returns an empty text if it worked, else `failure` with the
        reason."""
        return self._try_post(failure, path, json.dumps(body, ensure_ascii=False).encode(), {})

    def attach(self, key: str, name: str, content: bytes) -> str:
        """Attach a CSV file to an issue. Returns an empty text if that worked, else why not."""
        data, kind = encode_multipart_formdata({"file": (name, content, "text/csv; charset=utf-8")})
        # Without this header Jira refuses the upload as a forged request.
        headers = {"Content-Type": kind, "X-Atlassian-Token": "no-check"}
        return self._try_post(f"{name} is not attached", f"issue/{key}/attachments", data, headers)

    def classify(self, answer: Answer) -> Outcome:
        return self._errors.classify(answer, self._clock())

    def quoted(self, answer: Answer) -> str:
        """`: “Jira's own text”`; empty if it has none."""
        return self._errors.quoted(answer)

    def comment_refusal(self, answer: Answer) -> str:
        """Why the issue takes no comment; empty if the answer does not say that it takes none."""
        return self._errors.comment_refusal(answer)

    def _try_post(self, failure: str, path: str, data: bytes, headers: Mapping[str, str]) -> str:
        try:
            answer = self._http.request(
                "POST",
                self._url(path),
                headers=self._headers() | dict(headers),
                data=data,
                read_timeout=EXTRA_TIMEOUT,
            )
        except NetworkError as error:
            return f"{failure}: {error}"
        if isinstance(self.classify(answer), Delivered):
            return ""
        return f"{failure}: answered {answer.status}{self.quoted(answer)}"

    def _question(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = self._http.request(
                method,
                url,
                headers=self._headers(),
                params=params,
                data=data,
                read_timeout=QUESTION_TIMEOUT,
            )
        except NetworkError as error:
            raise Stopped(replace(classify_network_error(error), ambiguous=False)) from None
        outcome = self.classify(answer)
        if isinstance(outcome, Retry):
            raise Stopped(replace(outcome, ambiguous=False))
        return answer

    def _checked(self, answer: Answer) -> dict[str, Any]:
        outcome = self.classify(answer)
        if isinstance(outcome, Rejected):
            raise Stopped(outcome)
        return json_object(answer)

    def _url(self, path: str) -> str:
        return f"{self._base}/rest/api/{3 if self.cloud() else 2}/{path}"

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": self._authorization.reveal(),
            "Accept": "application/json",
            "Content-Type": "application/json; charset=utf-8",
        }


def answer_of(answer: Answer) -> dict[str, Any]:
    """The answer to a query; empty if Jira refused the query."""
    return json_object(answer) if 200 <= answer.status < 300 else {}


def _cloud_by_name(config: JiraConfig) -> bool | None:
    if config.api != "auto":
        return config.api == "cloud"
    host = urlsplit(config.url).hostname or ""
    return True if host.endswith(".atlassian.net") or host == "api.atlassian.com" else None
