"""A simulated Jira Service Management: one team's alerts, by the integration API of its operations.

As in the real service, a request is only queued: the answer is 202 with an id, and its outcome must be
asked with this id. Creating an alert whose alias is open counts that alert; a closed one is not opened again,
and a new alert is made. Nobody is paged; what would page somebody is kept in `pages`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from typing import Any

from flask import Response, jsonify, request

from demo.base import Rate, Refusal, Simulation, parse, whole_seconds

DEMO_KEY = "demo-0000-1111-2222-genie-key"
ALERTS = "/jsm/ops/integration/v2/alerts"
# docs.opsgenie.com, Alert API
MAX_MESSAGE, MAX_ALIAS, MAX_DESCRIPTION, MAX_NOTE = 130, 512, 15_000, 25_000
MAX_TAGS, MAX_TAG = 20, 50
MAX_BYTES = 512_000
PER_MINUTE = 120
PRIORITIES = ("P1", "P2", "P3", "P4", "P5")
OPEN, CLOSED = "open", "closed"
# The fields of a new alert, and of what is done about one.
CREATED = {
    *("message", "alias", "description", "responders", "visibleTo", "actions", "tags", "details"),
    *("entity", "source", "priority", "user", "note"),
}
CHANGED = {"user", "source", "note"}
_LENGTHS = {
    "message": MAX_MESSAGE,
    "alias": MAX_ALIAS,
    "description": MAX_DESCRIPTION,
    "entity": 512,
    "source": 100,
    "user": 100,
    "note": MAX_NOTE,
}


@dataclass
class Alert:
    id: str
    tiny: int  # its number for people
    alias: str
    created: datetime
    body: dict[str, Any]
    status: str = OPEN
    acknowledged: bool = False
    count: int = 1
    notes: list[tuple[datetime, str]] = field(default_factory=list)
    log: list[tuple[datetime, str]] = field(default_factory=list)


class Jsm(Simulation):
    """One team. `rate`: requests a minute; None means no limit. `slow`: how many questions about a request
    are answered with 404 before it is processed."""

    name = "jsm"

    def __init__(
        self,
        *,
        key: str = DEMO_KEY,
        rate: int | None = PER_MINUTE,
        slow: int = 0,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(now=now, sleep=sleep)
        self.key, self.slow, self.may_ask = key, slow, True
        self.alerts: list[Alert] = []
        self.pages: list[str] = []  # the messages with which somebody was paged
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._asked: dict[str, int] = {}
        self._rate = Rate(rate, 60.0, self._seconds) if rate else None
        rules: Mapping[str, tuple[str, Callable[..., Response]]] = {
            ALERTS: ("POST", self._create),
            f"{ALERTS}/<alias>/acknowledge": ("POST", self._acknowledge),
            f"{ALERTS}/<alias>/close": ("POST", self._close),
            f"{ALERTS}/<alias>/notes": ("POST", self._note),
            f"{ALERTS}/requests/<id>": ("GET", self._outcome),
        }
        for rule, (method, view) in rules.items():
            self.blueprint.add_url_rule(rule, view.__name__, view, methods=[method])

    def _seconds(self) -> float:
        return self.now()  # a test may replace it

    def open_alert(self, alias: str) -> Alert | None:
        return next((alert for alert in self.alerts if alert.alias == alias and alert.status == OPEN), None)

    def shown(self) -> list[dict[str, Any]]:
        with self.lock:
            return [
                {
                    "at": alert.created.isoformat(),
                    "number": alert.tiny,
                    "status": stands(alert),
                    "body": alert.body,
                }
                for alert in self.alerts
            ]

    def _create(self) -> Response:
        body = self._body(CREATED, "message")
        alias = body.get("alias") or str(uuid.uuid4())
        with self.lock:
            self._limit()
            alert, now = self.open_alert(alias), self.current_time()
            if alert:
                alert.count += 1
                alert.log.append((now, "came again"))
            else:
                alert = Alert(str(uuid.uuid4()), len(self.alerts) + 1, alias, now, body)
                self.alerts.append(alert)
                self.pages.append(body["message"])
                alert.log.append((now, "created"))
            return self._queued(body, alert, "Create", True, "Created alert")

    def _acknowledge(self, alias: str) -> Response:
        def acknowledge(alert: Alert) -> str:
            alert.acknowledged = True
            return "acknowledged"

        return self._change(alias, "Acknowledge", acknowledge)

    def _close(self, alias: str) -> Response:
        def close(alert: Alert) -> str:
            alert.status = CLOSED
            return "closed"

        return self._change(alias, "Close", close)

    def _note(self, alias: str) -> Response:
        return self._change(alias, "AddNote", lambda alert: "note", required="note")

    def _change(
        self, alias: str, action: str, change: Callable[[Alert], str], *, required: str = ""
    ) -> Response:
        body = self._body(CHANGED, *filter(None, (required,)))
        if request.args.get("identifierType") != "alias":
            raise _no(422, "Identifier is not valid", {"identifier": "no alert has this id"})
        with self.lock:
            self._limit()
            alert = self.open_alert(alias)
            if alert is None:
                return self._queued(body, None, action, False, "Alert does not exist")
            alert.log.append((self.current_time(), change(alert)))
            if body.get("note"):
                alert.notes.append((self.current_time(), body["note"]))
            return self._queued(body, alert, action, True, f"{action} is done")

    def _queued(self, body: Any, alert: Alert | None, action: str, ok: bool, status: str) -> Response:
        id = str(uuid.uuid4())
        self.accept(body, alert.alias if alert else "")
        self._outcomes[id] = {
            "success": ok,
            "isSuccess": ok,
            "action": action,
            "processedAt": self.current_time().isoformat(),
            "status": status,
            "alertId": alert.id if alert else "",
            "alias": alert.alias if alert else "",
        }
        answer = jsonify({"result": "Request will be processed", "took": 0.01, "requestId": id})
        answer.status_code = 202
        return answer

    def _outcome(self, id: str) -> Response:
        self._authenticate()
        if not self.may_ask:
            raise _no(403, "You are not authorized to perform this action")
        with self.lock:
            self._asked[id] = self._asked.get(id, 0) + 1
            outcome = self._outcomes.get(id)
            if outcome is None or self._asked[id] <= self.slow:
                raise _no(404, "Request not found. It might not be processed, yet.")
        return jsonify({"data": outcome, "took": 0.01, "requestId": id})

    def _authenticate(self) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme != "GenieKey" or not given:
            raise _no(401, "Authorization header is missing or has another scheme")
        if not compare_digest(given.encode(), self.key.encode()):
            raise _no(403, "Could not authenticate")

    def _body(self, known: set[str], *required: str) -> dict[str, Any]:
        """The body of the request. Raises Refusal."""
        self._authenticate()
        raw = request.get_data()
        if len(raw) > MAX_BYTES:
            raise _no(413, "Request Entity Too Large")
        try:
            body = parse(raw)
        except ValueError as error:
            raise _no(400, "Invalid JSON") from error
        if not isinstance(body, dict):
            raise _no(400, "Invalid JSON")
        if errors := errors_of(body, known, *required):
            raise _no(422, "Request body is not processable. Please check the errors.", errors)
        return body

    def _limit(self) -> None:
        if not self._rate:
            return
        if wait := self._rate.wait():
            raise _no(
                429,
                "You are making too many requests! To avoid this, please wait and try again",
                headers={"Retry-After": whole_seconds(wait)},
            )
        self._rate.take()


def stands(alert: Alert) -> str:
    """How the alert stands, in one word."""
    if alert.status == CLOSED:
        return CLOSED
    return "acknowledged" if alert.acknowledged else OPEN


def errors_of(body: dict[str, Any], known: set[str], *required: str) -> dict[str, str]:
    """What the real service says of a body that it does not take, by field."""
    found = [(name, "is not a known field") for name in body if name not in known]
    for name in required:
        if not isinstance(body.get(name), str) or not body[name].strip():
            found.append((name, f"{name} can not be empty"))
    for name, most in _LENGTHS.items():
        if name in body and (not isinstance(body[name], str) or len(body[name]) > most):
            found.append((name, f"{name} must be a text of at most {most} characters"))
    tags = body.get("tags", [])
    if not isinstance(tags, list) or len(tags) > MAX_TAGS or not all(map(_is_tag, tags)):
        found.append(("tags", f"at most {MAX_TAGS} tags of at most {MAX_TAG} characters"))
    details = body.get("details", {})
    if not isinstance(details, dict) or not all(isinstance(value, str) for value in details.values()):
        found.append(("details", "details must be a map of texts"))
    if body.get("priority", "P3") not in PRIORITIES:
        found.append(("priority", "priority must be P1 to P5"))
    return dict(found)


def _is_tag(tag: Any) -> bool:
    return isinstance(tag, str) and 0 < len(tag) <= MAX_TAG


def _no(
    status: int,
    message: str,
    errors: Mapping[str, str] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> Refusal:
    body = {"message": message, "took": 0.0, "requestId": str(uuid.uuid4()), "errors": dict(errors or {})}
    if not errors:
        del body["errors"]
    said = "; ".join(f"{name}: {text}" for name, text in (errors or {}).items())
    return Refusal(status, body, why=f"{message} {said}".strip(), headers=headers)
