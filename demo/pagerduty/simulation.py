"""A simulated PagerDuty: one service with an Events API v2 integration, and its incidents.

As in the real service, a 202 only says that the event is in the queue. An event for an incident that is not
open is dropped without an error. A trigger opens an incident, or adds to the one that is open with the same
key; an acknowledged incident stays quiet then. Nobody is paged; what would page somebody is kept in `pages`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from typing import Any

from flask import Response, jsonify, request

from demo.base import Rate, Refusal, Simulation, parse, whole_seconds

DEMO_KEY = "d3m0d3m0d3m0d3m0d3m0d3m0d3m0d3m0"
DEMO_TOKEN = "demo-rest-api-token"  # noqa: S105 - guards nothing
MAX_BYTES = 512_000  # developer.pagerduty.com, Events API v2
MAX_KEY, MAX_SUMMARY = 255, 1_024
PER_MINUTE = 120
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")
TRIGGERED, ACKNOWLEDGED, RESOLVED = "triggered", "acknowledged", "resolved"
_TEXTS = ("timestamp", "component", "group", "class")


@dataclass
class Incident:
    number: int
    key: str
    opened: datetime
    event: dict[str, Any]  # that opened it
    status: str = TRIGGERED
    log: list[tuple[datetime, str]] = field(default_factory=list)  # what happened to it, in words


class PagerDuty(Simulation):
    """One service. `rate`: events a minute; None means no limit."""

    name = "pagerduty"

    def __init__(
        self,
        *,
        key: str = DEMO_KEY,
        rate: int | None = PER_MINUTE,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(now=now, sleep=sleep)
        self.key, self.token = key, DEMO_TOKEN
        self.on_call: dict[str, list[dict[str, Any]]] = {}  # what GET /oncalls answers, by schedule
        self.incidents: list[Incident] = []
        self.pages: list[str] = []  # the summaries with which somebody was paged
        self.dropped: list[dict[str, Any]] = []  # events for an incident that was not open
        self._rate = Rate(rate, 60.0, self._seconds) if rate else None
        self.blueprint.add_url_rule("/v2/enqueue", view_func=self._enqueue, methods=["POST"])
        self.blueprint.add_url_rule("/oncalls", view_func=self._oncalls, methods=["GET"])

    def _seconds(self) -> float:
        return self.now()  # a test may replace it

    def open_incident(self, key: str) -> Incident | None:
        """The incident with this key that is not resolved."""
        return next((i for i in self.incidents if i.key == key and i.status != RESOLVED), None)

    def shown(self) -> list[dict[str, Any]]:
        with self.lock:
            return [
                {
                    "at": incident.opened.isoformat(),
                    "number": incident.number,
                    "status": incident.status,
                    "body": incident.event,
                }
                for incident in self.incidents
            ]

    def _enqueue(self) -> Response:
        raw = request.get_data()
        if len(raw) > MAX_BYTES:
            raise Refusal(413, "Request Entity Too Large", why=f"the event has {len(raw)} bytes")
        try:
            event = parse(raw)
        except ValueError as error:
            raise _invalid("JSON object is invalid") from error
        if not isinstance(event, dict):
            raise _invalid("JSON object is invalid")
        if problems := list(problems_of(event)):
            raise _invalid(*problems)
        if not compare_digest(event["routing_key"].encode(), self.key.encode()):
            raise _invalid("Invalid routing key")
        with self.lock:
            self._limit()
            key = event.get("dedup_key") or f"made-{len(self.messages) + 1}"
            event = {name: value for name, value in event.items() if name != "routing_key"}
            self.accept(event, key)
            self._apply(event, key)
        answer = jsonify({"status": "success", "message": "Event processed", "dedup_key": key})
        answer.status_code = 202
        return answer

    def _oncalls(self) -> Response:
        """The REST API's list of who is on call. It has another key than the Events API."""
        if request.headers.get("Authorization") != f"Token token={self.token}":
            raise Refusal(401, {"error": {"message": "Invalid token", "code": 2006}})
        with self.lock:
            asked = request.args.getlist("schedule_ids[]")
            found = [entry for schedule in asked for entry in self.on_call.get(schedule, [])]
        return jsonify({"oncalls": found, "limit": 25, "offset": 0, "more": False, "total": None})

    def _limit(self) -> None:
        if not self._rate:
            return
        if wait := self._rate.wait():
            raise Refusal(
                429,
                {
                    "status": "throttle exceeded",
                    "message": "Requests for this service are arriving too quickly.  Please retry later.",
                },
                headers={"Retry-After": whole_seconds(wait)},
            )
        self._rate.take()

    def _apply(self, event: dict[str, Any], key: str) -> None:
        action, incident, now = event["event_action"], self.open_incident(key), self.current_time()
        if action == "trigger":
            summary = event["payload"]["summary"]
            if incident is None:
                incident = Incident(len(self.incidents) + 1, key, now, event)
                self.incidents.append(incident)
                self.pages.append(summary)
            incident.log.append((now, summary))
        elif incident is None:
            self.dropped.append(event)
        else:
            incident.status = ACKNOWLEDGED if action == "acknowledge" else RESOLVED
            incident.log.append((now, incident.status))


def problems_of(event: dict[str, Any]) -> list[str]:
    """What the real service says of an event that it does not take."""
    problems = []
    key = event.get("routing_key")
    if not isinstance(key, str) or not key:
        problems.append("'routing_key' is missing or blank")
    elif len(key) != 32:
        problems.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if event.get("event_action") not in ACTIONS:
        problems.append("'event_action' is missing or invalid")
    dedup = event.get("dedup_key")
    if dedup is not None and not isinstance(dedup, str):
        problems.append("'dedup_key' is not a string")
    elif dedup and len(dedup) > MAX_KEY:
        problems.append(f"Length of 'dedup_key' is incorrect (should be at most {MAX_KEY} characters)")
    elif not dedup and event.get("event_action") in ACTIONS[1:]:
        problems.append("'dedup_key' is missing or blank")
    if event.get("event_action") == "trigger":
        problems += _payload_problems(event.get("payload"))
    return problems + _link_problems(event)


def _payload_problems(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    problems = []
    for name in ("summary", "source"):
        if not isinstance(payload.get(name), str) or not payload[name].strip():
            problems.append(f"'payload.{name}' is missing or blank")
    if isinstance(payload.get("summary"), str) and len(payload["summary"]) > MAX_SUMMARY:
        problems.append(f"'payload.summary' is too long (should be at most {MAX_SUMMARY} characters)")
    if payload.get("severity") not in SEVERITIES:
        problems.append("'payload.severity' is missing or invalid")
    problems += [
        f"'payload.{name}' is not a string"
        for name in _TEXTS
        if name in payload and not isinstance(payload[name], str)
    ]
    if not isinstance(payload.get("custom_details", {}), dict):
        problems.append("'payload.custom_details' is not an object")
    return problems


def _link_problems(event: dict[str, Any]) -> list[str]:
    links = event.get("links", [])
    if not isinstance(links, list) or not all(isinstance(link, dict) and link.get("href") for link in links):
        return ["'links' is invalid: each has an 'href'"]
    return []


def _invalid(*errors: str) -> Refusal:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)}
    return Refusal(400, body, why="; ".join(errors))
