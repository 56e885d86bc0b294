"""Calls the alert API of Jira Service Management's operations.

Each request is only queued there: the answer is 202 with an id. The client asks with this id for the outcome
of the request.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from receiver.destinations.classify import json_object
from receiver.destinations.contract import Delivered, Outcome, Rejected
from receiver.destinations.jsm.errors import classify_answer, no_request_id
from receiver.destinations.mask import Mask
from shared.config.destinations.jsm import JsmConfig
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import NetworkError
from shared.secrets import Secret
from shared.text import one_line

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_WAITS = (0.0, 0.5, 1.0, 2.0)  # seconds before each question for the outcome of a request
_QUESTION_TIMEOUT = 5.0
_NO_REQUEST = "00000000-0000-0000-0000-000000000000"  # the id of a request that never was
_MAX_STATUS = 200


@dataclass(frozen=True)
class Processed:
    """The outcome of a request that JSM has accepted."""

    ok: bool | None  # None: it is not known
    status: str = ""  # in JSM's words, or why it is not known; empty if it is not processed yet
    alert: str = ""  # the id of the alert


class JsmApi:
    """Safe to use from several threads."""

    def __init__(
        self,
        config: JsmConfig,
        http: Http,
        api_key: Secret,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` gives epoch seconds. Raises ValueError, which says what to do, if the key is malformed."""
        if not re.fullmatch(r"[\x21-\x7e]{8,200}", api_key.reveal()):
            raise ValueError(
                "the key of an API integration has no spaces and at least 8 characters: copy it again"
            )
        self._url, self._http, self._clock, self._sleep = config.alerts_url, http, clock, sleep
        self._authorization = Secret(f"GenieKey {api_key.reveal()}")
        self._mask = Mask(api_key.reveal())

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Raises NetworkError. `path`: below the address of the alerts; empty to create one."""
        data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        return self._http.request("POST", f"{self._url}{path}", headers=self._headers(), data=data)

    def outcome(self, answer: Answer) -> Outcome | Processed:
        """The outcome of a request, from the answer to it. An Outcome if JSM did not accept the request."""
        outcome = self._classify(answer)
        if not isinstance(outcome, Delivered):
            return outcome
        id = json_object(answer).get("requestId")
        if not isinstance(id, str) or not _ID.fullmatch(id):
            return no_request_id(answer, self._mask)
        return self._processed(id)

    def check(self) -> Outcome:
        """Asks for a request that never was. Raises NetworkError."""
        answer = self._ask(_NO_REQUEST)
        if answer.status == 404 and json_object(answer).get("message"):
            return Delivered()
        return self._classify(answer)

    def _processed(self, id: str) -> Processed:
        for wait in _WAITS:
            if wait:
                self._sleep(wait)
            try:
                answer = self._ask(id)
            except NetworkError:
                continue  # the request was accepted, whatever becomes of this question
            data = json_object(answer).get("data")
            if 200 <= answer.status < 300 and isinstance(data, dict):
                return self._read(data)
            if isinstance(self._classify(answer), Rejected) and answer.status != 404:
                return Processed(None, f"the key may not ask (answered {answer.status})")
        return Processed(None)

    def _read(self, data: Mapping[str, Any]) -> Processed:
        ok = data.get("isSuccess", data.get("success")) is True
        alert = data.get("alertId")
        return Processed(
            ok,
            one_line(self._mask(str(data.get("status") or "")), _MAX_STATUS),
            alert if isinstance(alert, str) and _ID.fullmatch(alert) else "",
        )

    def _ask(self, id: str) -> Answer:
        return self._http.request(
            "GET", f"{self._url}/requests/{id}", headers=self._headers(), read_timeout=_QUESTION_TIMEOUT
        )

    def _classify(self, answer: Answer) -> Outcome:
        return classify_answer(answer, now=self._clock(), mask=self._mask)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": self._authorization.reveal(),
            "Accept": "application/json",
            "Content-Type": "application/json; charset=utf-8",
        }
