"""The simulated platform's webhooks: registering them, rendering their bodies, and sending them.

Each occurrence is posted once to each webhook of its event type, without a signature, with a timeout and
without a retry, and only to this machine.
"""

from __future__ import annotations

import copy
import ipaddress
import json
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.util import SKIP_HEADER

from demo.platform.records import Occurrence

EVENT_TYPES = (
    "high_severity_alarm", "suspicious_severity_event", "processing_with_alarms", "processing_finished",
    "processing_failed", "admin_login", "audit_event_create", "audit_event_update", "audit_event_delete",
    "audit_event_login", "audit_event_logout", "audit_event_download", "audit_event_reboot",
    "audit_event_upgrade", "audit_event_import", "audit_event_tested", "audit_event_upload",
    "audit_event_cancel", "audit_event_rerun", "detection_updated", "detection_created",
    "detection_group_created", "detection_group_updated",
)  # fmt: skip
PAYLOAD_TYPES = ("slack", "custom", "jira")
DEFAULT_PAYLOAD = {"title": "$Title", "message": "$Event"}
TEST = Occurrence(
    "", "TEST WEBHOOK", "This is a test message."
)  # invented, since the real wording is not public
TIMEOUT = (3.0, 10.0)


@dataclass
class Webhook:
    id: int
    name: str
    event_type: str
    payload: dict[str, Any]
    payload_type: str
    url: str
    enabled: bool = True
    last_sent: float | None = None
    times_sent: int = 0


@dataclass(frozen=True)
class Sent:
    """One attempt to send a webhook. `outcome`: a status, `dropped`, `refused`, or the name of an error."""

    webhook_id: int
    event_type: str
    body: dict[str, Any]
    outcome: str

    @property
    def delivered(self) -> bool:
        return self.outcome.startswith("2") and len(self.outcome) == 3


def render(payload: Mapping[str, Any], payload_type: str, occurrence: Occurrence) -> dict[str, Any]:
    """The body of a webhook: `$Title` and `$Event` are replaced, except `$Event` in type "slack"."""

    def filled(value: Any) -> Any:
        if isinstance(value, str):
            value = value.replace("$Title", occurrence.title)
            return value if payload_type == "slack" else value.replace("$Event", occurrence.text)
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        return [filled(inner) for inner in value] if isinstance(value, list) else value

    body: dict[str, Any] = filled(payload)
    return body


class Webhooks:
    """All webhooks of one platform. The platform's `lock` is not held while a webhook is sent."""

    def __init__(
        self, lock: AbstractContextManager[Any], now: Callable[[], float], rng: random.Random
    ) -> None:
        self.by_id: dict[int, Webhook] = {}
        self.sent: list[Sent] = []
        self.drop = 0.0  # the share of webhooks that are lost on the way, which the platform does not notice
        self._lock, self._now, self._rng = lock, now, rng
        self._ids = count(1)

    def add(
        self, name: str, event_type: str, payload: Mapping[str, Any], payload_type: str, url: str
    ) -> Webhook:
        with self._lock:
            hook = Webhook(next(self._ids), name, event_type, copy.deepcopy(dict(payload)), payload_type, url)
            self.by_id[hook.id] = hook
            return hook

    def tell(self, occurrence: Occurrence) -> None:
        """Send the occurrence to every enabled webhook of its event type."""
        with self._lock:
            wanted = [h for h in self.by_id.values() if h.enabled and h.event_type == occurrence.event_type]
        for hook in wanted:
            self.fire(hook, occurrence)

    def fire(self, hook: Webhook, occurrence: Occurrence) -> Sent:
        body = render(hook.payload, hook.payload_type, occurrence)
        with self._lock:
            hook.times_sent += 1
            hook.last_sent = self._now()
            dropped = self._rng.random() < self.drop
        outcome = "dropped" if dropped else _post(hook.url, body)
        sent = Sent(hook.id, hook.event_type, body, outcome)
        with self._lock:
            self.sent.append(sent)
        return sent

    def repeat(self, sent: Sent) -> str:
        """Send the same body to the same webhook once more. Returns the outcome. It does not count as sent,
        since nothing new happened on the platform."""
        with self._lock:
            hook = self.by_id.get(sent.webhook_id)
        return _post(hook.url, sent.body) if hook else "refused"


def _post(url: str, body: Mapping[str, Any]) -> str:
    if not _loopback(url):
        return "refused"  # a simulation sends nothing to other machines
    with requests.Session() as session:
        session.trust_env = False  # no proxy and no .netrc, since both lead beyond this machine
        session.headers.clear()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": SKIP_HEADER,
            "Accept-Encoding": SKIP_HEADER,
        }
        try:
            answer = session.post(
                url, data=json.dumps(body).encode(), headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            return type(error).__name__
        return str(answer.status_code)


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
