"""Jira's REST API: a request goes out, and what it came to comes back.

Jira Cloud speaks REST v3, also through Atlassian's gateway; Data Center v2, also below a context path. Which
one it is is asked once. Nothing here knows what a message or a case is.
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

from receiver.destinations.classify import Mask, json_object, judge, said, unanswered
from receiver.destinations.contract import Delivered, Outcome, Rejected, Retry
from shared.config.destinations.jira import JiraConfig
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.secrets import Secret

# Jira's own form. An administrator may allow longer keys of projects than ten characters.
KEY = re.compile(r"[A-Z][A-Z0-9_]{0,79}-\d{1,12}", re.ASCII)
ID = re.compile(r"\d{1,18}", re.ASCII)  # of a transition, or of a type of issue
# Seconds that a question may take, and what a delivery can do without: one that opens a case must be through
# within the 60 seconds for which it has the case to itself.
QUESTION_TIMEOUT = 8.0
EXTRA_TIMEOUT = 5.0
_PAGE = 200  # the most that createmeta gives at once
_MAX_PAGES = 10


class Ended(Exception):
    """Ends a delivery early, with what became of it. Never leaves the destination."""

    def __init__(self, outcome: Retry | Rejected) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome

    @property
    def refused(self) -> bool:
        """Whether Jira said no; else it cannot be asked now."""
        return isinstance(self.outcome, Rejected)


class JiraApi:
    """Safe to use from several threads."""

    def __init__(
        self, config: JiraConfig, http: Http, secret: Secret, clock: Callable[[], float] = time.time
    ) -> None:
        """`secret`: the API token (Cloud, with the config's email) or the personal access token. Raises
        ValueError where it cannot be one."""
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
        self._mask = Mask(secret.reveal(), basic)
        self._cloud = _cloud_by_name(config)  # None until Jira was asked
        self._advice = {
            400: "Jira refuses the issue",
            401: f"Jira does not take the token; has it expired? {_token_advice(config)}",
            403: f"the account may not do this in project {config.project}, or must first solve a captcha",
            404: f"there is no project {config.project} at this URL, or the account may not see it",
            410: "this Jira has removed that API; huntbridge must be updated",
            413: "Jira finds the issue too long; this is a fault in huntbridge",
        }

    def cloud(self) -> bool:
        """By the configuration or the host, else by asking; only an answer is remembered. Raises Ended."""
        if self._cloud is None:
            self._cloud = self.server_info().get("deploymentType") == "Cloud"
        return self._cloud

    def server_info(self) -> dict[str, Any]:
        """What Jira says of itself. Raises Ended, also where it is not Jira that answers."""
        info = self._checked(self._question("GET", f"{self._base}/rest/api/2/serverInfo"))
        if "deploymentType" not in info and "version" not in info:
            raise Ended(Rejected("what answers at this URL is not Jira: check the URL"))
        return info

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """What changes something. Raises NetworkError; then it is open whether it was carried out."""
        data = json.dumps(body, ensure_ascii=False).encode()
        return self._http.request(method, self._url(path), headers=self._headers(), data=data)

    def ask(self, path: str, **params: Any) -> dict[str, Any]:
        """The answer to a question. Raises Ended where there is none; nothing was to be carried out, so
        nothing is ambiguous."""
        return self._checked(self._question("GET", self._url(path), params=params))

    def look(
        self, path: str, body: Mapping[str, Any] | None = None, *, params: Mapping[str, Any] | None = None
    ) -> Answer:
        """The answer to a question that Jira may refuse. Raises Ended where it cannot be asked now."""
        method = "GET" if body is None else "POST"
        return self._question(method, self._url(path), body, params=params)

    def pages(self, path: str, *names: str) -> Iterator[dict[str, Any]]:
        """Everything that a question has for an answer, page by page; `names`: where it stands in a page,
        which Cloud and Data Center call by different names. Raises Ended."""
        seen = 0
        for _ in range(_MAX_PAGES):
            page = self.ask(path, startAt=seen, maxResults=_PAGE)
            found: list[Any] = next((page[name] for name in names if isinstance(page.get(name), list)), [])
            yield from (one for one in found if isinstance(one, dict))
            seen += len(found)
            total = page.get("total")
            if not found or (seen >= total if isinstance(total, int) else page.get("isLast", True)):
                return

    def besides(self, what: str, path: str, body: Mapping[str, Any]) -> str:
        """What a delivery can do without: empty where it was done, else why not."""
        return self._besides(what, path, json.dumps(body, ensure_ascii=False).encode(), {})

    def attach(self, key: str, name: str, content: bytes) -> str:
        """One CSV file, attached to an issue: empty where it was done, else why not."""
        data, kind = encode_multipart_formdata({"file": (name, content, "text/csv; charset=utf-8")})
        # Without the token Jira takes an upload for a forged one.
        headers = {"Content-Type": kind, "X-Atlassian-Token": "no-check"}
        return self._besides(f"{name} is not attached", f"issue/{key}/attachments", data, headers)

    def judge(self, answer: Answer) -> Outcome:
        return judge(in_words(answer), now=self._clock(), mask=self._mask, advice=self._advice)

    def said(self, answer: Answer) -> str:
        return said(in_words(answer), self._mask)

    def now(self) -> float:
        return self._clock()

    def _besides(self, what: str, path: str, data: bytes, headers: Mapping[str, str]) -> str:
        try:
            answer = self._http.request(
                "POST",
                self._url(path),
                headers=self._headers() | dict(headers),
                data=data,
                read_timeout=EXTRA_TIMEOUT,
            )
        except NetworkError as error:
            return f"{what}: {error}"
        if isinstance(self.judge(answer), Delivered):
            return ""
        return f"{what}: answered {answer.status}{self.said(answer)}"

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
            raise Ended(replace(unanswered(error), ambiguous=False)) from None
        verdict = self.judge(answer)
        if isinstance(verdict, Retry):
            raise Ended(replace(verdict, ambiguous=False))
        return answer

    def _checked(self, answer: Answer) -> dict[str, Any]:
        verdict = self.judge(answer)
        if isinstance(verdict, Rejected):
            raise Ended(verdict)
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
    """What a question was answered with; empty where Jira refused it."""
    return json_object(answer) if 200 <= answer.status < 300 else {}


def problems_of(answer: Answer) -> tuple[dict[str, str], list[str]]:
    """What Jira says in a 400: of single fields, by field, and of the whole. Both are empty for any other
    answer."""
    if answer.status != 400:
        return {}, []
    found = json_object(answer)
    errors, messages = found.get("errors"), found.get("errorMessages")
    return (
        {str(name): str(text) for name, text in errors.items()} if isinstance(errors, dict) else {},
        [str(one) for one in messages] if isinstance(messages, list) else [],
    )


def in_words(answer: Answer) -> Answer:
    """The answer with Jira's own words of an error as its body, where it has some."""
    found = json_object(answer)
    messages, errors = found.get("errorMessages"), found.get("errors")
    words = [str(one) for one in messages] if isinstance(messages, list) else []
    words += [f"{name}: {text}" for name, text in errors.items()] if isinstance(errors, dict) else []
    words += [str(found[name]) for name in ("message", "errorMessage") if found.get(name)]
    return replace(answer, body="; ".join(words).encode(errors="replace")) if words else answer


def _cloud_by_name(config: JiraConfig) -> bool | None:
    if config.api != "auto":
        return config.api == "cloud"
    host = urlsplit(config.url).hostname or ""
    return True if host.endswith(".atlassian.net") or host == "api.atlassian.com" else None


def _token_advice(config: JiraConfig) -> str:
    if config.gateway:
        return "At api.atlassian.com it must be a scoped one, of this site. Tokens live a year at most"
    if config.token:
        return "Make a new personal access token in the profile of the account"
    return (
        "Tokens of Jira Cloud live a year at most. A scoped one works at "
        "https://api.atlassian.com/ex/jira/{cloudId} alone"
    )
