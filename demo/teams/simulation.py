"""A simulated Teams workflow: it answers a message at the webhook's URL with 202 and no body.

As in the real workflow the 202 promises nothing. A card that cannot be posted fails afterwards, and the
sender is not told. Such a message is kept in `failed_runs`. Nobody is notified; the users who would
be notified are kept in `mentions`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any

from flask import Response, request

from demo.base import Rate, Refusal, Simulation, parse, whole_seconds
from demo.teams.cards import Invalid, cards_of, check_card, mentions_of

MAX_BYTES = 28 * 1024  # learn.microsoft.com/connectors/teams: approximately 28 KB
TOO_LARGE = "Request Entity too large: the card has {} bytes in a JSON string, and the limit is {}."
PER_SECOND = 4  # learn.microsoft.com, rate limit of incoming webhooks
NOT_FOUND = "The workflow could not be found."
NOT_SIGNED = "The request must be authenticated only by Shared Access scheme."
SWITCHED_OFF = "Could not execute workflow trigger 'manual' with state 'Disabled': trigger is not enabled."
NO_VERSION = "The api-version query parameter (?api-version=) is required for all requests."


@dataclass(frozen=True)
class FailedRun:
    """A message that was answered with 202 and not posted."""

    at: datetime
    body: Any
    why: str


class Teams(Simulation):
    """One workflow. `rate`: messages a second; None means no limit. A test may set `off` at any time: a
    person, or Microsoft after 90 days without use, switched the workflow off."""

    name = "teams"

    def __init__(
        self,
        *,
        workflow: str = "0123456789abcdef0123456789abcdef",
        sig: str = "demo-demo-demo-demo-demo-demo-demo-demo-dem",
        rate: float | None = PER_SECOND,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(now=now, sleep=sleep)
        route = "/powerautomate/automations/direct/workflows/{}/triggers/manual/paths/invoke"
        query = f"api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={sig}"
        self.path = f"{route.format(workflow)}?{query}"
        self.off = False
        self.failed_runs: list[FailedRun] = []
        self.mentions: list[str] = []
        self._workflow, self._sig = workflow, sig
        self._rate = Rate(max(1, int(rate)), max(1, int(rate)) / rate, now) if rate else None
        self.blueprint.add_url_rule(route.format("<workflow>"), view_func=self._invoke, methods=["POST"])

    def _invoke(self, workflow: str) -> Response:
        if workflow != self._workflow:
            raise _refusal(404, "WorkflowNotFound", NOT_FOUND)
        if not request.args.get("api-version"):
            raise _refusal(400, "MissingApiVersionParameter", NO_VERSION)
        if not compare_digest(request.args.get("sig", "").encode(), self._sig.encode()):
            raise _refusal(401, "DirectApiAuthorizationRequired", NOT_SIGNED)
        if self.off:
            raise _refusal(400, "WorkflowTriggerIsNotEnabled", SWITCHED_OFF)
        raw = request.get_data()
        if len(raw) > MAX_BYTES:
            raise _refusal(413, "RequestEntityTooLarge", f"The request has {len(raw)} bytes.")
        try:
            body = parse(raw)
        except ValueError as error:
            raise _refusal(400, "InvalidRequestContent", "The request content is not valid JSON.") from error
        with self.lock:
            self._limit()
            self._run(body)
        return Response(status=202)

    def _limit(self) -> None:
        if not self._rate:
            return
        if wait := self._rate.wait():
            error = _refusal(429, "TooManyRequests", "Rate limit is exceeded.")
            error.headers["Retry-After"] = whole_seconds(wait)
            raise error
        self._rate.take()

    def _run(self, body: Any) -> None:
        try:
            if request.mimetype != "application/json":
                raise Invalid(f"the content type is {request.mimetype!r}")
            cards = cards_of(body)
            for card in cards:
                check_card(card)
                if (size := measured(card)) > MAX_BYTES:
                    raise Invalid(TOO_LARGE.format(size, MAX_BYTES))
        except Invalid as error:
            self.failed_runs.append(FailedRun(self.current_time(), body, str(error)))
            return
        self.accept(body)
        self.mentions += [id for card in cards for id in mentions_of(card)]


def measured(card: Any) -> int:
    """The size of a card as the workflow measures it: bytes of its JSON inside a JSON string."""
    text = json.dumps(card, ensure_ascii=False, separators=(",", ":"))
    return len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass"))


def _refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message}}, why=message)
